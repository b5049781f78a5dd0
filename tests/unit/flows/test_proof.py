"""Never success for the wrong thing: what counts as an answer, and what does not."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest

from edgedeploy.core import errors, messages, names, release
from edgedeploy.flows import proof
from edgedeploy.ui.plain_report import QuietReport
from tests.unit.agent.model import sha
from tests.unit.core.test_release import manifest

REPORT = QuietReport(io.StringIO())
RETRY = "edgedeploy push decks --retry"


def outcome(**changes: Any) -> messages.Outcome:
    wanted = manifest()
    assert wanted.health
    fields: dict[str, Any] = {
        "verdict": "live", "release": "r1", "running": "r1", "uuid": wanted.uuid, "reason": "", "outage_ms": 5,
        "was_on_air": True, "served": dict(wanted.health.serves), "console": [],
    }  # fmt: skip
    return messages.Outcome(**{**fields, **changes})


def test_the_pushed_release_on_air_and_served_is_success() -> None:
    proof.demand(manifest(), outcome(), RETRY)
    proof.demand(manifest(), outcome(verdict="already-live"), RETRY)


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"verdict": "rolled-back", "reason": "no answer", "running": "r0"}, errors.RolledBack, "serves r0 again"),
        ({"verdict": "rollback-failed", "running": ""}, errors.RollbackFailed, "serves nothing"),
        ({"verdict": "failed-nothing-to-go-back-to", "running": ""}, errors.RollbackFailed, "nothing"),
        ({"verdict": "quarantined", "reason": "no answer"}, errors.Quarantined, "failed on this board before"),
        ({"uuid": "another"}, errors.Bug, "and not"),
        ({"served": {}}, errors.Bug, "not what was released"),
        ({"verdict": "already-live", "served": {}}, errors.Bug, "not what was released"),
        ({"verdict": "splendid"}, errors.Bug, "splendid"),
    ],
)
def test_anything_else_is_not(changes: dict[str, Any], kind: type[errors.EdgeError], said: str) -> None:
    with pytest.raises(kind, match=said):
        proof.demand(manifest(), outcome(**changes), RETRY)


def test_what_a_person_took_off_the_air_did_not_fail() -> None:
    with pytest.raises(errors.Quarantined, match="was rolled back by anna@laptop; r0 stays on air") as caught:
        proof.demand(
            manifest(), outcome(verdict="quarantined", reason="rolled back by anna@laptop", running="r0"), RETRY
        )
    assert caught.value.hint == f"to bring it back: {RETRY}"


def test_the_guests_last_words_are_shown_and_obey_no_terminal() -> None:
    with pytest.raises(errors.RolledBack) as caught:
        proof.demand(manifest(), outcome(verdict="rolled-back", console=["\x1b[2Jpanic"]), RETRY)
    assert caught.value.details == ("guest: \\x1b[2Jpanic",)


def ask(monkeypatch: pytest.MonkeyPatch, *apps: dict[str, Any], before: str = "1") -> messages.Outcome | None:
    answers = list(apps)

    class Client:
        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def status(self) -> messages.BoardStatus:
            return messages.BoardStatus({}, {"decks": answers.pop(0) if len(answers) > 1 else answers[0]})

    def again(timeout: float) -> tuple[Any, Any]:
        return contextlib.nullcontext(), Client()

    monkeypatch.setattr(proof.time, "sleep", lambda seconds: None)
    return proof.after_lost_contact(manifest(), again, 0.5, before)


def record(number: str, **changes: Any) -> dict[str, Any]:
    fields = {name: getattr(outcome(**changes), name) for name in messages.Outcome.__slots__}
    return {"phase": "steady", "uuid": manifest().uuid, "last": {"id": number, "outcome": fields}}


def test_after_lost_contact_only_a_newer_record_of_what_runs_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, record("1"), record("2")) == outcome()
    assert ask(monkeypatch, record("1")) is None, "the record of an earlier deployment"
    assert ask(monkeypatch, {**record("2"), "uuid": ""}) is None, "what is on record does not run"
    assert ask(monkeypatch, {**record("2"), "phase": "trial"}) is None, "not decided yet"


def test_after_lost_contact_a_refusal_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {"code": 45, "message": "no room", "hint": "", "details": []}
    with pytest.raises(errors.NoRoom, match="no room"):
        ask(monkeypatch, {"phase": "steady", "uuid": "", "last": {"id": "2", "failed": failed}})


def test_a_url_of_the_inner_network_becomes_one_of_the_laptops() -> None:
    forwards = {"192.168.1.20:80": "127.0.0.1:4321"}
    assert proof.url(manifest(), forwards) == "http://127.0.0.1:4321/"
    assert proof.url(manifest(), {}) == "http://192.168.1.20/"
    assert proof.seen_from_here("http://192.168.1.20/a?b=c", forwards) == "http://127.0.0.1:4321/a?b=c"


def test_the_laptops_own_look(tmp_path: Any) -> None:
    from tests.unit.agent.model import ModelXen

    xen = ModelXen()
    try:
        xen.on_air, xen.serves["r1"] = "r1", b"the deck"
        wanted = release.Health(
            "127.0.0.1", xen.port, names.UrlPath("/"), 200, 5, {names.UrlPath("/"): sha(b"the deck")}
        )
        from dataclasses import replace

        of = replace(manifest(), health=wanted)
        assert proof.look(of, f"http://127.0.0.1:{xen.port}/", REPORT) == "confirmed"
        assert proof.pages(of, {}) == {"/": sha(b"the deck")}
        more = replace(wanted, serves={**wanted.serves, names.UrlPath("/deck.css"): sha(b"a style")})
        assert proof.pages(replace(of, health=more), {}) is None, "one page of two"
        assert proof.pages(replace(of, health=replace(wanted, status=204)), {}) is None
        assert proof.pages(replace(of, health=None), {}) == {}
        xen.serves["r1"] = b"another deck"
        assert proof.pages(of, {}) is None
        assert proof.look(of, f"http://127.0.0.1:{xen.port}/", REPORT) == "contradicted"
        xen.serves["r1"] = None
        assert proof.look(of, f"http://127.0.0.1:{xen.port}/", REPORT) == "contradicted", "a 503 is no witness"
    finally:
        xen.close()
    assert proof.pages(of, {}) is None, "nobody there"


def test_a_guest_that_was_only_slow_may_be_tried_again_or_given_longer() -> None:
    for verdict in ("rolled-back", "failed-nothing-to-go-back-to"):
        with pytest.raises(errors.EdgeError) as caught:
            proof.demand(manifest(), outcome(verdict=verdict, reason="no answer within 60 s: http://10.0.2.20/"), RETRY)
        assert caught.value.hint.startswith(f"was it only slow? try it again: {RETRY}   or give it longer: timeout in [health]")
