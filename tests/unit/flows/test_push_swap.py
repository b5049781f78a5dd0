"""Pushes to a board that has room for two guests: how it is to be done, what a dry run tells, and the way back at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgedeploy.core import errors, messages
from edgedeploy.flows import push as flow
from edgedeploy.flows.find import Wanted
from edgedeploy.flows.push_result import Result
from edgedeploy.profiles import catalog
from edgedeploy.remote.client import AgentClient
from edgedeploy.ui import deployment, deploymentjson
from tests.unit.agent.test_bluegreen import on_air, waiting
from tests.unit.flows.test_push_cable import Setting, model, setting

__all__ = ["model", "setting"]  # fixtures


@pytest.fixture
def two(setting: Setting) -> Setting:
    """r1 is on air, r2 is to be pushed."""
    setting.network, setting.model.network.why = True, ""
    setting.model.release("r1")
    push(setting)
    setting.model.release("r2")
    return setting


def push(setting: Setting, **how: Any) -> Result:
    def offer(found: object) -> None:
        raise AssertionError(found)

    request = flow.Request(setting.model.work, Wanted(), **how)
    return flow.push(request, setting.context(), catalog.load_all(), offer)


def test_it_is_put_on_air_without_an_outage_and_there_is_a_way_back(two: Setting) -> None:
    result = push(two)
    assert (result.swap, result.outage_ms, result.kept, result.why_in_place) == ("blue-green", 0, "r1", "")
    said = deployment.pushed(result)
    assert "decks r2 is live on model; outage none\nready to go back to r1 at once: edgedeploy rollback decks" in said
    told = deploymentjson.of_push(result).to_plain()
    assert (told["swap"], told["kept"], told["why_in_place"], told["outage_s"]) == ("blue-green", "r1", None, 0.0)


def test_in_place_when_a_person_says_so(two: Setting) -> None:
    result = push(two, swap="in-place")
    assert (result.swap, result.why_in_place) == ("in-place", "as asked (swap: in-place)")
    assert "in place of the release before, not beside it: as asked" in deployment.pushed(result)
    told = deploymentjson.of_push(result).to_plain()
    assert (told["swap"], told["why_in_place"]) == ("in-place", "as asked (swap: in-place)")
    assert waiting(two.model) == []


def test_a_dry_run_tells_how_and_why(two: Setting) -> None:
    calls = list(two.model.xen.calls)
    assert "start r2 beside r1, prove it there, and put it on air: no outage" in push(two, dry_run=True).plan
    two.model.xen.total = 140
    assert "swap r1 for r2, in its place and not beside it: needs 100 MB, 44 MB free" in push(two, dry_run=True).plan
    with pytest.raises(errors.NoRoom, match="44 MB free; nothing was touched"):
        push(two, dry_run=True, swap="blue-green")
    assert two.model.xen.calls == calls


def test_beside_or_not_at_all_is_refused_before_the_swap(two: Setting) -> None:
    two.model.xen.total, before = 140, two.model.board.repo(two.model.app).head()
    with pytest.raises(errors.NoRoom, match="cannot be started beside what is on air"):
        push(two, swap="blue-green")
    assert on_air(two.model) == ["r1"]
    assert two.model.board.repo(two.model.app).head() == before


def test_an_older_agent_is_pushed_to_as_ever(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows neither the question nor the field: neither is sent unless somebody asks for it."""
    sent: list[dict[str, Any]] = []
    write = AgentClient._write

    def older(self: Any, message: messages.Message, body: bytes = b"") -> None:
        sent.append(messages.to_frame(message).head)
        if isinstance(message, messages.Rehearse):
            raise errors.ProtocolMismatch("unknown message 'rehearse'")
        write(self, message, body)

    monkeypatch.setattr(AgentClient, "_write", older)
    assert "swap r1 for r2" in push(two, dry_run=True).plan
    assert push(two).verdict == "live"
    assert not any("swap" in head for head in sent if head["kind"] != "rehearse")


def test_what_another_machine_shows_here_offers_the_way_back(two: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(*_: object, **__: object) -> str:
        return "contradicted"

    def declined(release: str) -> bool:
        asked.append(release)
        return False

    monkeypatch.setattr(flow.proof, "look", look)
    assert push(two, go_back=declined).release == "r2"
    assert asked == ["r1"]
    assert on_air(two.model) == ["r2"]
    two.model.release("r3")
    with pytest.raises(errors.RolledBack, match="something else than r3; the board serves r2 again") as caught:
        push(two, go_back=lambda _: True)
    assert "push --retry" in caught.value.hint
    assert (on_air(two.model), waiting(two.model)) == (["r2"], ["r3"])
    assert two.model.xen.calls.count("create") == 3, "the way back takes no boot"


def test_what_waits_counts_as_free_memory(two: Setting, tmp_path: Path) -> None:
    push(two)
    two.model.xen.total = 96 + 96 + 2
    two.model.release("r3")
    assert push(two).swap == "in-place"
    assert on_air(two.model) == ["r3"]
