"""Announcer and browser find each other on a loopback of their own: zeroconf on both sides, no other network touched."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from edgedeploy.core import errors
from edgedeploy.core.announce import Announcement
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName, ReleaseId
from edgedeploy.discover import mdns
from edgedeploy.discover.announcer import Announcer
from edgedeploy.discover.sighting import Sighting
from tests import netns
from tests.guard import USUAL_S, let_pass

pytestmark = pytest.mark.contract
LO = ["127.0.0.1"]
DECKS = AppName("decks")


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Everybody on this machine hears what is said on its loopback: the tests of other workers too."""
    with netns.Namespace("loopback") as space, space.entered():
        yield


def no_longer_fresh() -> None:
    let_pass(1.1, "zeroconf does not repeat what it announced within the last second (RFC 6762, 6)")


def board(digit: str, **said: object) -> Announcement:
    return Announcement(BoardId(digit * 16), ProfileName("virtual-armv7"), **said)


def seen_all(*ids: str) -> object:
    return lambda seen: {s.board_id for s in seen} >= {digit * 16 for digit in ids}


def test_first_sighting_is_complete_and_ends_the_search() -> None:
    said = board(
        "a",
        agent="0123456789ab",
        apps={DECKS: ReleaseId("r1"), AppName("web"): None},
        forwards={"10.0.2.20:80": "127.0.0.1:8081"},
    )
    with Announcer(BoardName("lab-a"), said, 2222):
        no_longer_fresh()
        found = mdns.browse(None, LO, until=seen_all("a"))
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


def test_several_boards_by_interface_name() -> None:
    with Announcer(BoardName("lab-a"), board("a"), 2222), Announcer(BoardName("lab-b"), board("b"), 2223):
        found = mdns.browse(USUAL_S, ["lo"], until=seen_all("a", "b"))
    assert sorted((s.name, s.port, s.conflict) for s in found) == [("lab-a", 2222, False), ("lab-b", 2223, False)]


def test_one_name_twice_gets_a_number() -> None:
    with Announcer(BoardName("lab"), board("a"), 2222), Announcer(BoardName("lab"), board("b"), 2223):
        found = mdns.browse(USUAL_S, LO, until=seen_all("a", "b"))
    assert sorted(s.name for s in found) == ["lab", "lab-2"]


def test_two_boards_of_one_id_are_a_conflict() -> None:
    def both(seen: Sequence[Sighting]) -> bool:
        return len(seen) == 2

    with Announcer(BoardName("lab-a"), board("a"), 2222), Announcer(BoardName("lab-b"), board("a"), 2223):
        found = mdns.browse(USUAL_S, LO, until=both)
    assert [s.conflict for s in found] == [True, True]


def test_updates_and_goodbyes_are_told() -> None:
    told: list[tuple[str, object]] = []
    seen_r1, seen_r2 = threading.Event(), threading.Event()

    def sighted(sighting: Sighting) -> None:
        told.append(("seen", sighting.apps.get(DECKS)))
        (seen_r2 if seen_r1.is_set() else seen_r1).set()

    def gone(sighting: Sighting) -> None:
        told.append(("gone", sighting.name))

    def all_told(_: Sequence[Sighting]) -> bool:
        return any(what == "gone" for what, _ in told)

    with Announcer(BoardName("lab-a"), board("a", apps={DECKS: ReleaseId("r1")}), 2222) as announcer:
        no_longer_fresh()

        def change() -> None:
            seen_r1.wait(USUAL_S)
            announcer.update(board("a", apps={DECKS: ReleaseId("r2")}))
            seen_r2.wait(USUAL_S)
            announcer.__exit__(None, None, None)

        script = threading.Thread(target=change)
        script.start()
        left = mdns.browse(USUAL_S, LO, on_sighting=sighted, on_gone=gone, until=all_told)
        script.join()
    assert told == [("seen", "r1"), ("seen", "r2"), ("gone", "lab-a")]
    assert left == []


def test_nobody_there_takes_the_whole_time_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    wait = asyncio.wait

    async def counted(awaited: Sequence[asyncio.Future[None]], *, timeout: float) -> object:
        waits.append(timeout)
        return await wait(awaited, timeout=timeout)

    monkeypatch.setattr(mdns, "asyncio", _With(asyncio, wait=counted))
    assert mdns.browse(0.5, LO) == []
    assert sum(waits) == pytest.approx(0.5)


def test_what_a_listener_raises_reaches_the_caller() -> None:
    def refuse(_: Sighting) -> None:
        raise KeyError("mine")

    with Announcer(BoardName("lab-a"), board("a"), 2222), pytest.raises(KeyError, match="mine"):
        mdns.browse(USUAL_S, LO, on_sighting=refuse)


def test_unknown_interface_is_named_with_those_that_exist() -> None:
    with pytest.raises(errors.UsageFault) as fault:
        mdns.browse(1, ["nosuch0"])
    assert "lo" in fault.value.hint


class _With:
    """A module with some of its names replaced, for those alone who are given it."""

    def __init__(self, module: object, **names: object) -> None:
        self._module = module
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> object:
        return getattr(self._module, name)
