"""This machine's networks: where to ask for boards, and which of them an address lies on."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ifaddr

from edgedeploy.core import errors
from edgedeploy.core.names import printable

GROUP_4 = "224.0.0.251"
GROUP_6 = "ff02::fb"

Choice = str | int
"""as zeroconf takes them: an IPv4 address, or an interface's index for IPv6"""


@dataclass(frozen=True, slots=True)
class Network:
    """One address of one interface of this machine."""

    interface: str
    index: int
    address: ipaddress.IPv4Interface | ipaddress.IPv6Interface

    @property
    def choice(self) -> Choice:
        """What to tell zeroconf."""
        return str(self.address.ip) if self.address.version == 4 else self.index


def networks() -> list[Network]:
    """Every address of this machine, loopback too."""
    return [
        Network(adapter.name, adapter.index or 0, ipaddress.ip_interface(f"{_plain(ip)}/{ip.network_prefix}"))
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]


def _plain(ip: ifaddr.IP) -> str:
    return ip.ip if isinstance(ip.ip, str) else ip.ip[0]


def named(known: Sequence[Network], wanted: Sequence[str]) -> list[Network]:
    """Those of `known` that `wanted` means, by interface name or by address; all when nothing is wanted.

    Raises UsageFault for a word that means none.
    """
    if not wanted:
        return list(known)
    found: list[Network] = []
    for word in wanted:
        plain = word.partition("%")[0]
        some = [n for n in known if word == n.interface or plain == str(n.address.ip)]
        if not some:
            names = ", ".join(dict.fromkeys(n.interface for n in known))
            raise errors.UsageFault(
                f"this machine has no network interface {printable(word, 64)!r}", hint=f"it has {names}"
            )
        found += [n for n in some if n not in found]
    return found


def multicasting(some: Sequence[Network]) -> Iterator[Choice]:
    """What of `some` can carry mDNS. One interface that cannot must not spoil it for the others."""
    seen: set[Choice] = set()
    for network in some:
        if network.choice not in seen and _joins(network):
            seen.add(network.choice)
            yield network.choice


def _joins(network: Network) -> bool:
    four = network.address.version == 4
    if not four and network.address.is_loopback:
        return False  # Linux has no multicast route there, and IPv4 serves the loopback
    with contextlib.suppress(OSError), socket.socket(_family(four), socket.SOCK_DGRAM) as probe:
        if four:
            member = socket.inet_aton(GROUP_4) + socket.inet_aton(str(network.address.ip))
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            member = socket.inet_pton(socket.AF_INET6, GROUP_6) + struct.pack("@I", network.index)
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
            probe.bind((str(network.address.ip), 0, 0, network.index))  # not while it is still tentative
        return True
    return False


def _family(four: bool) -> socket.AddressFamily:
    return socket.AF_INET if four else socket.AF_INET6


def near(known: Sequence[Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    """The interface on whose network `address` lies."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return address.scope_id
    return next((n.interface for n in known if address in n.address.network), None)
