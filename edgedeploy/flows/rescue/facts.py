"""A board's answers to the probe, as a table. Total: strange lines are left out, everything shown is printable."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgedeploy.core import errors, names
from edgedeploy.core.names import printable

IFF_UP = 1
"""linux/if.h"""
_ETHERNET = "1"
"""linux/if_arp.h: ARPHRD_ETHER"""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface of Ethernet's kind."""

    name: str
    up: bool
    carrier: bool | None
    """None: it is switched off, and cannot say"""
    master: str
    """the bridge that it is in, "" for none"""
    bridge: bool
    mac: str

    @property
    def guest(self) -> bool:
        """Whether it is Xen's, for a guest."""
        return self.name.startswith(("vif", "tap"))


@dataclass(frozen=True, slots=True)
class Address:
    """One address of an interface."""

    link: str
    value: ipaddress.IPv4Interface | ipaddress.IPv6Interface
    duplicate: bool = False
    """the kernel found another owner (IPv6: dadfailed)"""

    @property
    def text(self) -> str:
        """Without the prefix length."""
        return str(self.value.ip)


@dataclass(frozen=True, slots=True)
class Twin:
    """Another machine that answers for an address of the board's."""

    address: str
    link: str
    mac: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on one file system: bytes, and inodes (None where it has no such limit)."""

    mount: str
    size: int
    free: int
    inodes: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the probe found. `text` has the simple records, the last of each; "" for what did not come."""

    text: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    twins: tuple[Twin, ...] = ()
    disks: tuple[Disk, ...] = ()
    status: Mapping[str, Any] | None = None
    """the agent's own account (keys: edgedeploy.agent.status); None where it gave none"""

    def __getitem__(self, key: str) -> str:
        return self.text.get(key, "")

    def all(self, key: str) -> tuple[str, ...]:
        """Every record of a kind, in order."""
        return self.lists.get(key, ())

    @property
    def complete(self) -> bool:
        """Whether the probe came to its end."""
        return "end" in self.text

    @property
    def root(self) -> bool:
        """Whether it was root who asked."""
        return self["uid"] == "0"

    @property
    def tools(self) -> frozenset[str]:
        """Programs that are there, busybox applets as "busybox NAME"."""
        return frozenset(self.all("tool")) | {f"busybox {applet}" for applet in self.all("bb")}

    @property
    def running(self) -> frozenset[str]:
        """Names of the programs that run, of those the probe looks for."""
        return frozenset(self["procs"].split())

    @property
    def listening(self) -> frozenset[int]:
        """TCP ports that somebody listens on."""
        return frozenset(int(port, 16) for port in self["listen"].split() if _is_hex(port))

    @property
    def ssh_port(self) -> int:
        """The first port that sshd is to listen on."""
        ports = [int(word) for word in self["sshport"].split() if word.isascii() and word.isdigit() and len(word) < 6]
        return ports[0] if ports and 0 < ports[0] < 65536 else 22

    @property
    def now(self) -> int | None:
        """The board's clock, seconds since 1970."""
        text = self["now"]
        return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None

    @property
    def ports(self) -> tuple[Link, ...]:
        """The interfaces that a cable can be in: no bridge, none of a guest's."""
        return tuple(link for link in self.links if not link.bridge and not link.guest)

    @property
    def board_id(self) -> names.BoardId | None:
        """Who the board is: by its agent's configuration, else by its machine-id."""
        said = self.toml.get("id", "")
        if names.BoardId.fits(said):
            return names.BoardId(said)
        return names.own_board_id(self["machine"])

    @property
    def toml(self) -> dict[str, str]:
        """id, name and profile out of the agent's configuration."""
        return {key: value.strip('"') for key, _, value in (line.partition(" ") for line in self.all("toml"))}

    @property
    def name(self) -> str:
        """What the board calls itself, "" where that is no name."""
        for said in (self.toml.get("name", ""), self["host"].split(".")[0]):
            if names.BoardName.fits(said):
                return said
        return ""

    @property
    def compatible(self) -> tuple[str, ...]:
        """Its device tree's words for it, the most exact first."""
        return tuple(self["compatible"].split())

    @property
    def uptime(self) -> float:
        """Seconds since the kernel started, 0 where that is not known."""
        first = self["up"].partition(" ")[0]
        return float(first) if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", first) else 0.0

    @property
    def meant_gateway(self) -> str:
        """The router that the board is set up with, where it lies in a network that the board has; "" for none."""
        for word in self["gw"].split():
            for one in self.usable():
                if _is_near(word, one.value):
                    return word
        return ""

    @property
    def gateway(self) -> str:
        """The default route's next machine, "" for none."""
        for line in self.all("route"):
            words = line.split()
            if words[:2] == ["default", "via"] and len(words) > 2:
                return words[2]
        return ""

    @property
    def routed(self) -> bool:
        """Whether there is a default route."""
        return any(line.startswith("default ") for line in self.all("route"))

    def usable(self, *, six: bool = False) -> tuple[Address, ...]:
        """Addresses that another machine can use: IPv4, or IPv6 too; none of the loopback, none link-local."""
        return tuple(
            a for a in self.addresses
            if (six or a.value.version == 4) and not a.value.ip.is_loopback and not a.value.ip.is_link_local
        )  # fmt: skip

    def link_local(self, version: int) -> tuple[Address, ...]:
        """Addresses made without anybody's help (RFC 3927, RFC 4291)."""
        return tuple(a for a in self.addresses if a.value.version == version and a.value.ip.is_link_local)


def parse(output: str, status: str = "") -> Facts:
    """What the probe printed, and what the agent did. Never raises."""
    text: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for raw in output.splitlines():
        key, _, value = printable(raw, 600).partition(" ")
        text[key] = value.strip()
        if value.strip():
            lists.setdefault(key, []).append(value.strip())
    rows = {key: tuple(values[:200]) for key, values in lists.items()}
    return Facts(
        text,
        rows,
        tuple(link for row in rows.get("link", ()) if (link := _link(row.split()))),
        tuple(address for row in rows.get("addr", ()) if (address := _address(row.split()))),
        tuple(twin for row in rows.get("dup", ()) if (twin := _twin(row.split()))),
        _disks(rows.get("df", ()), rows.get("inodes", ())),
        _status(status),
    )


def _link(words: list[str]) -> Link | None:
    if len(words) != 7 or words[1] != _ETHERNET or words[0].startswith(("ifb", "dummy")):
        return None
    name, _, flags, carrier, master, kind, mac = words
    up = _is_hex(flags.removeprefix("0x")) and bool(int(flags, 16) & IFF_UP)
    return Link(name, up, {"1": True, "0": False}.get(carrier), master.strip("-"), kind == "bridge", mac.lower())


def _address(words: list[str]) -> Address | None:
    if len(words) < 4 or words[2] not in ("inet", "inet6"):
        return None
    try:
        return Address(words[1].partition("@")[0], ipaddress.ip_interface(words[3]), "dadfailed" in words)
    except ValueError:
        return None


def _twin(words: list[str]) -> Twin | None:
    """Status 1 is arping's word for "somebody answered"; any other is no news."""
    if len(words) < 4 or words[0] != "1":
        return None
    return Twin(words[2], words[1], words[3].lower())


def _disks(sizes: tuple[str, ...], inodes: tuple[str, ...]) -> tuple[Disk, ...]:
    """`df -P`: file system, size, used, free, share, mount point (POSIX); one row for each mount point."""
    left = {words[5]: int(words[3]) for words in map(str.split, inodes) if _is_row(words) and words[1] != "0"}
    found = {
        words[5]: Disk(words[5], int(words[1]) * 1024, int(words[3]) * 1024, left.get(words[5]))
        for words in map(str.split, sizes)
        if _is_row(words)
    }
    return tuple(found.values())


def _is_row(words: list[str]) -> bool:
    return len(words) == 6 and all(word.isascii() and word.isdigit() and len(word) < 16 for word in (words[1], words[3]))


def _status(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("apps"), dict) else None


def board_id(facts: Facts) -> names.BoardId:
    """The board's id. Raises BoardFault for a board that has none."""
    if facts.board_id is None:
        raise errors.BoardFault("the board does not say who it is: it has no /etc/machine-id", hint="edgedeploy console")
    return facts.board_id


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= 8 and all(c in "0123456789abcdefABCDEF" for c in text)


def _is_near(text: str, own: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    """Whether it is another machine's address in a network of the board's."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in own.network and address != own.ip
