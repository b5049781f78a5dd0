"""Announcer and browser find each other on the loopback: zeroconf on both sides, no other network touched."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from edgedeploy.core import errors
from edgedeploy.core.announce import Announcement
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName, ReleaseId
from edgedeploy.discover import mdns
from edgedeploy.discover.announcer import Announcer
from edgedeploy.discover.sighting import Sighting

pytestmark = pytest.mark.contract
LO = ["127.0.0.1"]
QUIET = 1.1
"""seconds: within one of an announcement nobody repeats it (RFC 6762, 6); a real board is on for longer"""
DECKS = AppName("decks")


def board(digit: str, **said: object) -> Announcement:
    return Announcement(BoardId(digit * 16), ProfileName("virtual-armv7"), **said)


def seen_all(*ids: str) -> object:
    return lambda seen: {s.board_id for s in seen} >= {digit * 16 for digit in ids}


def test_first_sighting_comes_fast_and_complete() -> None:
    said = board(
        "a",
        agent="0123456789ab",
        apps={DECKS: ReleaseId("r1"), AppName("web"): None},
        forwards={"10.0.2.20:80": "127.0.0.1:8081"},
    )
    with Announcer(BoardName("lab-a"), said, 2222):
        time.sleep(QUIET)
        started = time.monotonic()
        found = mdns.browse(5, LO, until=seen_all("a"))
        took = time.monotonic() - started
    print(f"time to first sighting on the loopback: {took:.2f} s")
    assert found == [
        Sighting(
            board_id=said.board_id,
            name=BoardName("lab-a"),
            profile=said.profile,
            agent=said.agent,
            addresses=("127.0.0.1",),
            port=2222,
            apps=said.apps,
            forwards=said.forwards,
            seen_on="lo",
        )
    ]
    assert took < 1


def test_several_boards_by_interface_name() -> None:
    with Announcer(BoardName("lab-a"), board("a"), 2222), Announcer(BoardName("lab-b"), board("b"), 2223):
        found = mdns.browse(5, ["lo"], until=seen_all("a", "b"))
    assert sorted((s.name, s.port, s.conflict) for s in found) == [("lab-a", 2222, False), ("lab-b", 2223, False)]


def test_one_name_twice_gets_a_number() -> None:
    with Announcer(BoardName("lab"), board("a"), 2222), Announcer(BoardName("lab"), board("b"), 2223):
        found = mdns.browse(5, LO, until=seen_all("a", "b"))
    assert sorted(s.name for s in found) == ["lab", "lab-2"]


def test_two_boards_of_one_id_are_a_conflict() -> None:
    def both(seen: Sequence[Sighting]) -> bool:
        return len(seen) == 2

    with Announcer(BoardName("lab-a"), board("a"), 2222), Announcer(BoardName("lab-b"), board("a"), 2223):
        found = mdns.browse(5, LO, until=both)
    assert [s.conflict for s in found] == [True, True]


def test_updates_and_goodbyes_are_told() -> None:
    told: list[tuple[str, object]] = []

    def sighted(sighting: Sighting) -> None:
        told.append(("seen", sighting.apps.get(DECKS)))

    def gone(sighting: Sighting) -> None:
        told.append(("gone", sighting.name))

    with Announcer(BoardName("lab-a"), board("a", apps={DECKS: ReleaseId("r1")}), 2222) as announcer:
        time.sleep(QUIET)

        def change() -> None:
            time.sleep(0.8)
            announcer.update(board("a", apps={DECKS: ReleaseId("r2")}))
            time.sleep(0.8)
            announcer.__exit__(None, None, None)

        script = threading.Thread(target=change)
        script.start()
        left = mdns.browse(4, LO, on_sighting=sighted, on_gone=gone)
        script.join()
    assert told == [("seen", "r1"), ("seen", "r2"), ("gone", "lab-a")]
    assert left == []


def test_nobody_there_takes_the_whole_time_and_no_longer() -> None:
    started = time.monotonic()
    assert mdns.browse(0.5, LO) == []
    assert 0.4 < time.monotonic() - started < 2


def test_what_a_listener_raises_reaches_the_caller() -> None:
    def refuse(_: Sighting) -> None:
        raise KeyError("mine")

    with Announcer(BoardName("lab-a"), board("a"), 2222), pytest.raises(KeyError, match="mine"):
        mdns.browse(5, LO, on_sighting=refuse)


def test_unknown_interface_is_named_with_those_that_exist() -> None:
    with pytest.raises(errors.UsageFault) as fault:
        mdns.browse(1, ["nosuch0"])
    assert "lo" in fault.value.hint
