"""What a board says about itself on the local network: the TXT records of `_edgedeploy._tcp`, both ways.

The agent writes them into Avahi's service file, the lab announces them for a virtual board, the laptop reads
them. Anyone on the network can send anything under that name, so reading is a gate: typed names out, and
reasons for what was left out.

    v=1                                  version of this format; a reader knows only its own
    id=00112233aabbccdd                  the board's id
    profile=virtual-armv7                the kind of board
    agent=0123456789ab                   first 12 hex digits of the agent's SHA-256 (absent: none installed)
    app.decks=2026-11-23-1               the release that runs (empty: the app is known, nothing runs)
    fwd.0=10.0.2.20:80>127.0.0.1:8081    where the laptop reaches an address of the board's inner network
    more=3                               this many apps did not fit into the record
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from edgedeploy.core.errors import UsageFault
from edgedeploy.core.names import AppName, BoardId, ProfileName, ReleaseId, printable

SERVICE_TYPE = "_edgedeploy._tcp"
VERSION = "1"
RECORD_BYTES = 255
"""one TXT string's length is one byte (RFC 6763, 6.1)"""
TXT_BYTES = 1200
"""all of them together, so that the answer fits one Ethernet frame (RFC 6763, 6.2: 1300)"""
APPS = 64
FORWARDS = 16
REASONS = 8

T = TypeVar("T")


class BadAnnouncement(ValueError):
    """The records are not a board's that we can talk about. The text is safe to print."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A board's words about itself. Nothing in it is proven: only a host key proves who a board is."""

    board_id: BoardId
    profile: ProfileName
    agent: str = ""
    """12 hexadecimal digits, "" where no agent is announced"""
    apps: Mapping[AppName, ReleaseId | None] = field(default_factory=dict)
    """app -> the release that runs, None where nothing runs"""
    forwards: Mapping[str, str] = field(default_factory=dict)
    """"10.0.2.20:80" -> "127.0.0.1:8081" """
    more: int = 0
    """apps that did not fit into the record"""
    ignored: tuple[str, ...] = ()
    """why parts of a received record were left out; safe to print"""


def txt_records(announcement: Announcement) -> list[str]:
    """The TXT strings that say it, each at most 255 bytes. Raises ValueError for what parse_txt would refuse.

    Apps that would burst the record are left out, last names first, and counted in `more`.
    """
    fixed = [f"v={VERSION}", f"id={announcement.board_id}", f"profile={announcement.profile}"]
    if announcement.agent:
        fixed.append(f"agent={announcement.agent}")
    fixed += [f"fwd.{n}={inner}>{outer}" for n, (inner, outer) in enumerate(announcement.forwards.items())]
    apps = [f"app.{app}={release or ''}" for app, release in sorted(announcement.apps.items())]
    left_out = announcement.more
    while apps and _size(fixed) + _size(apps) > TXT_BYTES:
        apps.pop()
        left_out += 1
    records = fixed + apps + ([f"more={left_out}"] if left_out else [])
    understood = parse_txt(txt_pairs(records))
    if understood.ignored:
        raise ValueError("; ".join(understood.ignored))
    return records


def _size(records: Sequence[str]) -> int:
    return sum(len(record.encode()) + 1 for record in records)


def txt_pairs(records: Sequence[str]) -> dict[bytes, bytes | None]:
    """TXT strings as the pairs that parse_txt reads. Of equal keys the first counts (RFC 6763, 6.4)."""
    pairs: dict[bytes, bytes | None] = {}
    for record in records:
        key, equals, value = record.encode().partition(b"=")
        pairs.setdefault(key, value if equals else None)
    return pairs


def parse_txt(pairs: Mapping[bytes, bytes | None]) -> Announcement:
    """Read a record from the network.

    Raises BadAnnouncement when it names no board (version, id, profile); any other bad entry is left out and
    told in `ignored`. Unknown keys are skipped without a word: a later version of this format may add some.
    """
    version = printable(_text(pairs.get(b"v")), 20)
    if version != VERSION:
        raise BadAnnouncement(f"announces itself in format {version!r}, this edgedeploy reads {VERSION!r}")
    ignored: list[str] = []
    try:
        board_id = BoardId.parse(_text(pairs.get(b"id")))
        profile = ProfileName.parse(_text(pairs.get(b"profile")))
    except UsageFault as fault:
        raise BadAnnouncement(fault.message) from None
    return Announcement(
        board_id,
        profile,
        agent=_lenient(ignored, _agent, _text(pairs.get(b"agent"))) or "",
        apps=dict(_each(pairs, b"app.", APPS, _app, ignored)),
        forwards=dict(_each(pairs, b"fwd.", FORWARDS, _forward, ignored)),
        more=_lenient(ignored, _count, _text(pairs.get(b"more"))) or 0,
        ignored=tuple(ignored[:REASONS]),
    )


def _text(value: bytes | None) -> str:
    # Latin-1 never fails, and none of the patterns that follow lets anything but ASCII through
    return (value or b"")[:RECORD_BYTES].decode("latin-1")


def _each(
    pairs: Mapping[bytes, bytes | None], prefix: bytes, limit: int, read: Callable[..., T], ignored: list[str]
) -> Iterator[T]:
    entries = [(key, value) for key, value in pairs.items() if key.startswith(prefix)]
    if len(entries) > limit:
        ignored.append(f"more than {limit} records of the kind {prefix.decode()}")
    for key, value in entries[:limit]:
        item = _lenient(ignored, read, _text(key[len(prefix) :]), _text(value))
        if item is not None:
            yield item


def _lenient(ignored: list[str], read: Callable[..., T], *raw: str) -> T | None:
    try:
        return read(*raw)
    except UsageFault as fault:
        ignored.append(printable(fault.message, 200))
    except ValueError as fault:
        ignored.append(printable(str(fault), 200))
    return None


def _app(name: str, release: str) -> tuple[AppName, ReleaseId | None]:
    return AppName.parse(name), ReleaseId.parse(release) if release else None


def _agent(raw: str) -> str:
    if raw and not re.fullmatch(r"[0-9a-f]{12}", raw):
        raise ValueError(f"{raw!r} is not an agent's digest")
    return raw


def _count(raw: str) -> int:
    if not re.fullmatch(r"[0-9]{0,4}", raw):
        raise ValueError(f"{raw!r} is not a count")
    return int(raw or "0")


def _forward(_number: str, raw: str) -> tuple[str, str]:
    inner, arrow, outer = raw.partition(">")
    if not arrow:
        raise ValueError(f"{raw!r} is not a forward (inner:port>outer:port)")
    return _endpoint(inner), _endpoint(outer)


def _endpoint(raw: str) -> str:
    host, _, port = raw.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"{raw!r} has no valid port")
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    if address.version == 4:
        return f"{address}:{int(port)}"
    if address.scope_id is not None:  # what it holds is free text
        raise ValueError(f"{raw!r} has a scope")
    return f"[{address}]:{int(port)}"


def escape(text: str) -> str:
    """Text for an XML element. xml.sax.saxutils has the same, and imports urllib for it: 0.4 s on a small ARM core."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_XML = """<?xml version="1.0" standalone="no"?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group>
  {name}
  <service>
    <type>{type}</type>
    <port>{port}</port>
{records}
  </service>
</service-group>
"""


def avahi_service_xml(records: Sequence[str], *, port: int = 22, name: str | None = None) -> str:
    """The text of /etc/avahi/services/edgedeploy.service. `name` None: the host's own (Avahi's %h)."""
    named = '<name replace-wildcards="yes">%h</name>' if name is None else f"<name>{escape(name)}</name>"
    lines = "\n".join(f"    <txt-record>{escape(record)}</txt-record>" for record in records)
    return _XML.format(name=named, type=SERVICE_TYPE, port=port, records=lines)


def parse_avahi_service_xml(text: str) -> tuple[int, list[str]]:
    """The port and TXT strings of a file that avahi_service_xml wrote. Raises BadAnnouncement for any other.

    For the board's own file, which root wrote: entities are refused, everything else is left to Expat.
    """
    from xml.etree import ElementTree  # noqa: PLC0415 - only the laptop reads; the board's start must stay quick

    if "<!ENTITY" in text:
        raise BadAnnouncement("the Avahi service file defines entities")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities are refused above
    except ElementTree.ParseError as fault:
        raise BadAnnouncement(f"the Avahi service file is not XML: {fault}") from None
    for service in root.iter("service"):
        if (service.findtext("type") or "").strip() == SERVICE_TYPE:
            port = (service.findtext("port") or "").strip()
            if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
                raise BadAnnouncement(f"the Avahi service file has the port {printable(port, 40)!r}")
            return int(port), [record.text or "" for record in service.iter("txt-record")]
    raise BadAnnouncement(f"the Avahi service file announces no {SERVICE_TYPE}")
