"""What was seen of a board on the network, and what to make of several sightings of one board id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from edgedeploy.core.announce import Announcement, BadAnnouncement, parse_txt
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName, ReleaseId

ADDRESSES = 16
"""more addresses than this nobody's board has"""
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,32}")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A board as it announces itself. Nothing in it is proven: only its host key proves who a board is."""

    board_id: BoardId
    name: BoardName
    profile: ProfileName
    agent: str
    """12 hexadecimal digits of the agent's SHA-256, "" where it announces none"""
    addresses: tuple[str, ...]
    """best first; an IPv6 link-local one carries its interface: fe80::1%eth0"""
    port: int
    """of its SSH server"""
    apps: Mapping[AppName, ReleaseId | None] = field(default_factory=dict)
    """app -> the release that runs, None where nothing runs"""
    forwards: Mapping[str, str] = field(default_factory=dict)
    """"10.0.2.20:80" -> "127.0.0.1:8081": where this machine reaches an address of the board's inner network"""
    seen_on: str | None = None
    """this machine's network interface that leads there, where it can be told"""
    more: int = 0
    """apps that did not fit into the announcement"""
    conflict: bool = False
    """another board claims the same id at another place"""
    ignored: tuple[str, ...] = ()
    """parts of the announcement that were left out, and why; safe to print"""


Address = IPv4Address | IPv6Address
Nearness = Callable[[Address], str | None]
"""the interface on whose network an address lies, None where it is far"""


def from_service(
    instance: str, port: int | None, addresses: Iterable[str], pairs: Mapping[bytes, bytes | None], near: Nearness
) -> Sighting:
    """Read a resolved mDNS service; `instance` is its first label. Raises BadAnnouncement, safe to print."""
    said: Announcement = parse_txt(pairs)
    if not port or not 0 < port < 65536:
        raise BadAnnouncement("announces no port")
    usable = [address for text in list(addresses)[:ADDRESSES] if (address := _address(text)) is not None]
    usable.sort(key=lambda address: _rank(address, near))
    if not usable:
        raise BadAnnouncement("announces no address that can be reached")
    return Sighting(
        board_id=said.board_id,
        name=board_name(instance, said.board_id),
        profile=said.profile,
        agent=said.agent,
        addresses=tuple(dict.fromkeys(str(address) for address in usable)),
        port=port,
        apps=said.apps,
        forwards=said.forwards,
        seen_on=next((where for address in usable if (where := near(address))), None),
        more=said.more,
        ignored=said.ignored,
    )


def board_name(instance: str, board_id: BoardId) -> BoardName:
    """A host name people can type: Avahi renames a second `cubie` to `cubie #2`, which becomes cubie-2."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", instance[:200]).strip("-")[:63].rstrip("-")
    return BoardName.parse(plain or str(board_id))


def _address(text: str) -> Address | None:
    """An address one can connect to from here, else None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if address.is_unspecified or address.is_multicast:
        return None
    if isinstance(address, IPv6Address):
        scoped = address.scope_id is not None and _SCOPE.fullmatch(address.scope_id)
        if bool(scoped) != address.is_link_local:  # without its interface nobody can reach it
            return None
    return address


def _rank(address: Address, near: Nearness) -> tuple[bool, bool, bool, int]:
    # a board also announces its inner bridges: what lies on a network of ours comes first
    return near(address) is None, address.is_loopback, address.is_link_local, address.version


def settle(seen: Iterable[Sighting]) -> list[Sighting]:
    """One sighting per board: two with one id are the same board when they share an endpoint, a conflict when not."""
    settled: list[Sighting] = []
    for new in seen:
        twins = [old for old in settled if old.board_id == new.board_id]
        same = next((old for old in twins if _endpoints(old) & _endpoints(new)), None)
        if same is not None:
            union = tuple(dict.fromkeys(same.addresses + new.addresses))
            settled[settled.index(same)] = replace(same, addresses=union)
        else:
            settled.append(new)
    ids = [sighting.board_id for sighting in settled]
    return [replace(one, conflict=True) if ids.count(one.board_id) > 1 else one for one in settled]


def _endpoints(sighting: Sighting) -> set[tuple[str, int]]:
    return {(address, sighting.port) for address in sighting.addresses}
