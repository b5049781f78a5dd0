"""Which board is meant, and where it is: by address, by mDNS, or where it was last seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edgedeploy.core import errors, names
from edgedeploy.discover.sighting import Sighting
from edgedeploy.ports.report import Report
from edgedeploy.remote.known import KnownBoard

Until = Callable[[Sequence[Sighting]], bool]
Browse = Callable[[float, Until], Sequence[Sighting]]
Choose = Callable[[str, Sequence[str]], int | None]
"""question, choices -> index; None when there is nobody to ask"""

SEEN = "seen by mDNS"
VIRTUAL = "virtual-armv7"
"""the kind of board that this computer can switch on itself"""
PATIENCE_S = 3.0
"""how long boards get to answer on mDNS; those that are expected end the wait sooner"""


class Via(StrEnum):
    """Which wire to take."""

    AUTO = "auto"
    SSH = "ssh"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says of the board. `app` narrows the choice to boards that have it, where some do."""

    app: names.AppName | None = None
    on: str | None = None
    usual: str = ""
    """the id of the board that the repository went to the last time: that one, unless another is named"""
    host: str | None = None
    port: int | None = None
    via: Via = Via.AUTO
    cable: str = ""
    """the serial port that was named"""
    timeout: float | None = None
    """seconds until the board must have introduced itself"""


@dataclass(frozen=True, slots=True)
class Found:
    """A board and the addresses to try. `known` is None for a board that this laptop has not enrolled."""

    name: str
    hosts: tuple[str, ...]
    port: int
    how: str
    known: KnownBoard | None = None
    profile: str = ""
    forwards: Mapping[str, str] = field(default_factory=dict)
    cable: str = ""
    """the serial port (by its stable name) that leads there, where that is the way"""
    serves: Mapping[str, str] = field(default_factory=dict)
    """app -> release on air, as far as the board announces it"""

    @property
    def place(self) -> str:
        """Where it is: an address, or the port of a cable."""
        return self.cable or (self.known.folder if self.known else "") or (self.hosts[0] if self.hosts else "an unknown address")

    @property
    def label(self) -> str:
        """For people: "virtual (virtual-armv7) at 192.168.1.7"."""
        return f"{self.name} ({self.profile or 'unknown kind'}) at {self.place}"


def candidates(wanted: Wanted, known: Sequence[KnownBoard]) -> list[KnownBoard]:
    """The enrolled boards that could be meant, before anything is asked of the network."""
    if wanted.on:
        return [board for board in known if wanted.on in (board.name, board.board_id)]
    if usual := [board for board in known if wanted.usual == board.board_id]:
        return usual  # when it is silent, another one must not get what was meant for it
    with_app = [board for board in known if wanted.app in board.apps]
    return with_app or list(known)


def find(wanted: Wanted, known: Sequence[KnownBoard], browse: Browse, choose: Choose, report: Report) -> Found:
    """The one board that is meant.

    Raises NoSuchBoard when there is none, UsageFault when several could be meant and nobody can be asked.
    """
    expected = candidates(wanted, known)
    if wanted.host:
        return by_address(wanted, known, expected, choose)
    with report.step("looking for the board") as step:
        sightings = _browse(browse, expected, wanted, report)
        found = seen(sightings, expected, wanted) or last_known(expected)
        if not found:
            raise nobody(wanted, known)
        one = found[0] if len(found) == 1 else ask(found, wanted, choose)
        step.detail(f"{one.label}, {one.how}")
    return one


def _browse(browse: Browse, expected: Sequence[KnownBoard], wanted: Wanted, report: Report) -> Sequence[Sighting]:
    try:
        return browse(PATIENCE_S, until_all(expected, wanted))
    except errors.WireFault as error:
        report.warn(f"mDNS does not work here ({error.message})")
        return []


def why_this(found: Found, wanted: Wanted, known: Sequence[KnownBoard]) -> str:
    """Why this board and not another one that has the app, "" where there is none."""
    if not wanted.usual or wanted.on or not found.known or found.known.board_id != wanted.usual:
        return ""
    others = [board.name for board in known if board.board_id != wanted.usual and wanted.app in board.apps]
    return f"; it is the one that was pushed to the last time (another: --on {others[0]})" if others else ""


def until_all(expected: Sequence[KnownBoard], wanted: Wanted) -> Until:
    """Ends a browse when every board that could be meant was seen."""
    ids = {board.board_id for board in expected}

    def enough(seen: Sequence[Sighting]) -> bool:
        if wanted.on and not ids:
            return any(wanted.on in (sighting.name, sighting.board_id) for sighting in seen)
        return bool(ids) and ids <= {sighting.board_id for sighting in seen}

    return enough


def seen(sightings: Sequence[Sighting], expected: Sequence[KnownBoard], wanted: Wanted) -> list[Found]:
    """Those that could be meant; boards that are not enrolled here only where none is."""
    by_id = {board.board_id: board for board in expected}
    enrolled = [_sighted(s, by_id[s.board_id]) for s in sightings if s.board_id in by_id]
    if enrolled:
        return enrolled
    strangers = [_sighted(s, None) for s in sightings if wanted.on in (None, s.name, s.board_id)]
    return strangers if not expected else []


def _sighted(sighting: Sighting, known: KnownBoard | None) -> Found:
    return Found(
        sighting.name,
        tuple(sighting.addresses),
        sighting.port,
        SEEN,
        known,
        str(sighting.profile),
        dict(sighting.forwards),
        serves={app: release for app, release in sighting.apps.items() if release},
    )


def last_known(expected: Sequence[KnownBoard]) -> list[Found]:
    """Where boards were seen the last time."""
    return [
        Found(
            board.name,
            board.hosts,
            board.port,
            "in a folder of this computer" if board.folder else "not seen by mDNS: trying its last known address",
            board,
            board.profile,
            dict(board.forwards),
        )
        for board in expected
        if board.hosts
    ]


def by_address(wanted: Wanted, known: Sequence[KnownBoard], expected: Sequence[KnownBoard], choose: Choose) -> Found:
    """The board at the address that was given. Raises UsageFault when several could be."""
    host = str(wanted.host)
    could_be = expected if wanted.on else known  # an address may have been another board's once
    there = [board for board in could_be if host in board.hosts and wanted.port in (None, board.port)]
    meant = there or list(expected)
    if not meant:
        return Found(host, (host,), wanted.port or 22, "by --host")
    found = [
        Found(
            b.name,
            (host,),
            wanted.port or (b.port if b in there else 22),
            "by --host",
            b,
            b.profile,
            dict(b.forwards) if b in there else {},
        )
        for b in meant
    ]
    return found[0] if len(found) == 1 else ask(found, wanted, choose)


def ask(found: Sequence[Found], wanted: Wanted, choose: Choose) -> Found:
    """Which of several, always in the same order. Raises UsageFault when nobody can be asked."""
    found = sorted(found, key=lambda one: (one.name, one.place))
    choices = [f"{one.label}{_on_air(one, wanted.app)}" for one in found]
    for_app = f" for {wanted.app}" if wanted.app else ""
    index = choose(f"Several boards could be meant{for_app}. Which one?", choices)
    if index is None:
        raise errors.UsageFault(
            f"{len(found)} boards could be meant{for_app}",
            hint=f"say which: {' or '.join(_by_itself(found)[:4])}",
            details=(*choices, *_same_id(found)),
        )
    return found[index]


def _by_itself(found: Sequence[Found]) -> list[str]:
    """The option that names each alone."""
    if len({one.name for one in found}) == len(found):
        return [f"--on {one.name}" for one in found]
    return [f"--host {one.hosts[0]}" for one in found if one.hosts]


def _same_id(found: Sequence[Found]) -> tuple[str, ...]:
    ids = {one.known.board_id for one in found if one.known}
    if len(found) < 2 or len(ids) != 1 or not all(one.known for one in found):
        return ()
    return (
        "they have one id: both come from one SD-card image. Enrol one of them by another name, and it gets an id of its own: "
        "edgedeploy enrol --name NAME HOST",
    )


def _on_air(found: Found, app: names.AppName | None) -> str:
    serves = [f"{name} {release}" for name, release in sorted(found.serves.items()) if app in (None, name)]
    return f"; on air: {', '.join(serves)}" if serves else ""


def nobody(wanted: Wanted, known: Sequence[KnownBoard]) -> errors.NoSuchBoard:
    """The error for no board at all."""
    if wanted.on:
        names_known = ", ".join(board.name for board in known) or "none"
        return errors.NoSuchBoard(
            f"no board named {wanted.on!r} was seen or is enrolled (enrolled: {names_known})",
            hint="edgedeploy discover, or give its address: --host ADDRESS",
        )
    return errors.NoSuchBoard(
        "no board was seen on the network and none is enrolled",
        hint="enrol one: edgedeploy enrol HOST   or run a virtual one: edgedeploy lab up   or need none: edgedeploy try",
    )
