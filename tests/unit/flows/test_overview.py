"""A question that names no board is about all of them: who answers, who does not, and what is said when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from edgedeploy.core import errors, messages
from edgedeploy.flows import conversation, overview
from edgedeploy.flows.find import Found, Via, Wanted
from edgedeploy.ui import deployment
from tests.guard import USUAL_S
from tests.unit.flows.test_find import DECKS, board, seen
from tests.unit.flows.test_reach import USB, Client, FakeWire, World, unreachable

STAGE, SPARE, THIRD = board(1, "stage", "decks"), board(2, "spare"), board(3, "third")


class Serving(Client):
    """Also says what runs."""

    def status(self) -> messages.BoardStatus:
        assert not isinstance(self.wire.there, Exception)
        return messages.BoardStatus({"profile": "cubieboard2", "agent": self.wire.there.name}, {})


@pytest.fixture
def world(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    monkeypatch.setattr(conversation, "AgentClient", Serving)
    return lambda **about: World(tmp_path, **about)


def network(*up: Any) -> Callable[[Found], FakeWire]:
    """Where these boards answer, and no others."""

    def wire(found: Found) -> FakeWire:
        return FakeWire(found.known) if found.known in up else FakeWire(unreachable(), fault=unreachable())

    return wire


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        (Wanted(), ["spare", "stage", "third"]),
        (Wanted(timeout=3.0, via=Via.SSH), ["spare", "stage", "third"]),
        (Wanted(usual="f" * 16), ["spare", "stage", "third"]),
        (Wanted(usual=str(STAGE.board_id)), []),
        (Wanted(on="stage"), []),
        (Wanted(host="10.0.0.1"), []),
        (Wanted(app=DECKS), []),
        (Wanted(via=Via.SERIAL), []),
        (Wanted(cable="/dev/ttyUSB0"), []),
    ],
)
def test_only_a_question_that_names_none_is_about_all(wanted: Wanted, meant: list[str]) -> None:
    assert [one.name for one in overview.boards(wanted, [SPARE, STAGE, THIRD])] == meant
    assert overview.boards(wanted, [STAGE]) == [], "one board alone is asked as ever, over its cable, too"


def test_each_says_what_it_runs_and_a_silent_one_is_told(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE, THIRD), network=network(STAGE, THIRD), sightings=[seen(STAGE, "10.0.0.1")], ports=[USB])
    states = overview.status([SPARE, STAGE, THIRD], Wanted(), made.context())
    assert [(state.found.name, bool(state.status)) for state in states] == [("spare", False), ("stage", True), ("third", True)]
    assert made.lines == [], "nobody asked for a cable"
    said = deployment.statuses(states)
    assert "spare does not answer: 10.0.0.1 port 22: no answer within 5 s\n  is it on?\nstage  cubieboard2  10.0.0.1" in said
    assert "asking spare and stage and third: done in" in made.out.getvalue()
    assert "(no answer from spare)" in made.out.getvalue()
    data: Any = deployment.statuses_data(states)
    assert [list(one) for one in data["boards"]] == [["board", "error"], ["board", "apps"], ["board", "apps"]]
    assert data["boards"][0]["board"]["name"] == "spare"
    assert data["boards"][0]["error"]["exit_code"] == 11


def test_they_are_asked_at_the_same_time(world: Callable[..., World]) -> None:
    everybody = threading.Barrier(3)

    def together(found: Found) -> FakeWire:
        everybody.wait(USUAL_S)
        assert found.known
        return FakeWire(found.known)

    made = world(known=(STAGE, SPARE, THIRD), network=together)
    assert all(state.status for state in overview.status([STAGE, SPARE, THIRD], Wanted(), made.context()))


def test_where_none_answers_it_is_an_error_with_each_ones_reason(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE))
    with pytest.raises(errors.Unreachable, match="none of this laptop's 2 boards answers") as caught:
        overview.status([SPARE, STAGE], Wanted(), made.context())
    assert [line.split(":")[0] for line in caught.value.details] == ["spare does not answer", "stage does not answer"]
    assert caught.value.hint.endswith("edgedeploy status --on spare")


def test_mdns_that_does_not_work_is_told_once_and_the_last_addresses_do(world: Callable[..., World]) -> None:
    def broken(_patience: float, _until: object) -> Sequence[Any]:
        raise errors.WireFault("no multicast")

    made = world(known=(STAGE, SPARE), network=network(STAGE, SPARE))
    states = overview.status([STAGE, SPARE], Wanted(), replace(made.context(), browse=broken))
    assert all(state.status for state in states)
    assert made.out.getvalue().count("mDNS does not work here") <= 1


def test_what_is_no_answer_but_a_fault_of_ours_is_raised(world: Callable[..., World]) -> None:
    def broken(_found: Found) -> FakeWire:
        raise AssertionError("ours")

    with pytest.raises(AssertionError, match="ours"):
        overview.status([STAGE, SPARE], Wanted(), world(known=(STAGE, SPARE), network=broken).context())
