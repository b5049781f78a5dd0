"""Waits for the first sighting of a board: our announcer on a loopback, and a real Avahi at the end of a cable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.waiting import Scene, Wait, took
from edgedeploy.core.names import BoardName
from edgedeploy.discover import mdns
from edgedeploy.discover.announcer import Announcer
from edgedeploy.discover.sighting import Sighting
from tests.contract.avahi_board import SAID, Avahi, cabled, more_networks, no_longer_fresh
from tests.netns import Namespace

LIMIT = 5.0
"""seconds of a search that sees nobody"""


def _sighted(*interfaces: str) -> float:
    seen: list[Sighting] = []
    seconds = took(lambda: seen.extend(mdns.browse(LIMIT, interfaces, until=bool)))
    assert seen, f"no board was seen in {LIMIT:.0f} s"
    return seconds


def _loopback(_: Path) -> Sequence[float]:
    with Namespace("loopback") as space, space.entered(), Announcer(BoardName("lab"), SAID, 2222):
        no_longer_fresh()
        return [_sighted("127.0.0.1")]


def _avahi(folder: Path) -> Sequence[float]:
    with Namespace("laptop") as laptop, Namespace("board") as board:
        cabled(laptop, board, folder)
        with laptop.entered():
            alone = _sighted()
        with more_networks(laptop), laptop.entered():
            no_longer_fresh()
            among_many = _sighted()
        Avahi(laptop, folder / "laptop-avahi", "laptop").wait("Server startup complete")
        no_longer_fresh()
        with laptop.entered():
            return [alone, among_many, _sighted()]


_CABLE = "the board's Avahi is at the end of a cable"
_FIRST = "the first sighting"
SCENES = (
    Scene((Wait("mDNS", "our own announcer is on the loopback", _FIRST, 1.0),), _loopback),
    Scene(
        (
            Wait("mDNS", _CABLE, _FIRST, 1.0),
            Wait("mDNS", f"{_CABLE}, the laptop in eight networks", _FIRST, 1.5),
            Wait("mDNS", f"{_CABLE}, another on the laptop", _FIRST, 1.5),
        ),
        _avahi,
    ),
)
