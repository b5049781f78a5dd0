"""The words at the end of a push, a rollback and in the log."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from edgedeploy.core.messages import BoardStatus, Outcome
from edgedeploy.core.release import ALIVE_ONLY
from edgedeploy.flows.ask import BoardState
from edgedeploy.flows.enrol import Result as Enrolled
from edgedeploy.flows.find import Found
from edgedeploy.flows.push_result import Result
from edgedeploy.flows.uptodate import Here
from edgedeploy.ui import deployment

LIVE = Result(
    "decks", "r2", "stage", "live", url="http://192.0.2.7/", outage_ms=9712, was_on_air=True,
    served={"/": "", "/index.html": ""}, confirmed="confirmed",
)  # fmt: skip


def but(**changes: object) -> Result:
    return Result(**{**{name: getattr(LIVE, name) for name in Result.__dataclass_fields__}, **changes})  # type: ignore[arg-type]  # fields by name


def test_a_push_ends_in_its_address() -> None:
    said, checked, url = deployment.pushed(LIVE).splitlines()
    assert said == "decks r2 is live on stage; outage 9.7 s"
    assert (
        checked
        == "checked: Xen runs it, and the board got its 2 pages with the right content (the first one to this laptop, too)"
    )
    assert url == "http://192.0.2.7/"


def test_a_first_start_is_no_outage() -> None:
    assert deployment.pushed(but(was_on_air=False, outage_ms=36206)).splitlines()[0].endswith("; first start 36 s")


def test_what_was_not_asked_is_not_claimed() -> None:
    assert deployment.pushed(but(confirmed="unknown")).splitlines()[1].endswith("2 pages with the right content")
    # of a release of the original scripts nobody knows what its pages must hold, nor always where it answers
    assert "the board got its 2 pages (what it must hold is not known)" in deployment.pushed(but(contents_known=False))
    assert "checked: Xen runs it; nothing says where" in deployment.pushed(but(served={}, unproven=ALIVE_ONLY))
    assert "and this laptop got its 2 pages" in deployment.pushed(but(witness="laptop")).splitlines()[1]
    assert deployment.pushed(but(served={}, url="")).splitlines()[1:] == ["checked: Xen runs it"]


def test_after_a_push_over_the_cable_it_may_come_out_and_an_address_that_nobody_saw_is_no_promise() -> None:
    *_, out, unseen, url = deployment.pushed(but(cable="/dev/ttyUSB0", confirmed="unknown")).splitlines()
    assert out == "the cable may come out now"
    assert unseen == "this laptop could not look at this address itself:"
    assert url == "http://192.0.2.7/"
    seen = deployment.pushed(but(cable="/dev/ttyUSB0")).splitlines()
    assert seen[-2:] == ["the cable may come out now", "http://192.0.2.7/"]
    looked = deployment.pushed(but(cable="/dev/ttyUSB0", confirmed="unknown", contents_known=False))
    assert "could not look" not in looked, "it looked, and nothing says what there must be"


def test_what_is_left_is_named() -> None:
    assert deployment.left(but(left=("a",), why_left="type this")) == "NOT on the board: a (type this)"
    many = deployment.left(but(left=tuple("abcde"), why_left="type this"))
    assert many == "NOT on the board: a, b, c and 2 more (type this)"


def test_an_enrolment_says_what_it_changed_or_that_there_was_nothing() -> None:
    result = Enrolled("00112233aabbccdd", "stage", "cubieboard2", "5e", ("wrote /etc/cron.d/edgedeploy",), dry_run=False)
    head, change, ready = deployment.enrolled(result).splitlines()
    assert head == "stage (cubieboard2, board id 00112233aabbccdd): changed:"
    assert (change, ready) == ("  wrote /etc/cron.d/edgedeploy", "stage is ready: edgedeploy push APP")
    assert deployment.enrolled(result, others=True).endswith("stage is ready: edgedeploy push APP --on stage")
    assert deployment.enrolled(replace(result, changes=())).splitlines()[0].endswith(": nothing to change")
    planned = deployment.enrolled(replace(result, dry_run=True))
    assert planned.splitlines() == [f"{head.rpartition(' changed')[0]} dry run, nothing was changed:", change]


def test_the_log_has_a_line_for_each() -> None:
    live = {"release": "r2", "verdict": "live", "outage_ms": 9712, "was_on_air": True}
    first = {"release": "r1", "verdict": "live", "outage_ms": 36206, "was_on_air": False}
    idle = {"release": "r2", "verdict": "already-live", "outage_ms": 0, "was_on_air": True}
    records = [{"started": 0, "who": "anna", "outcome": outcome} for outcome in (first, live, idle)]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(0))
    assert deployment.log(records).splitlines() == [
        f"{when}  anna  r1  live  first start 36 s",
        f"{when}  anna  r2  live  outage 9.7 s",
        f"{when}  anna  r2  already live",
    ]


def test_the_log_says_what_is_under_way_and_what_never_ended() -> None:
    steps = [{"step": "check", "text": "…", "release": "r2"}, {"step": "probe", "text": "…"}]
    running = {"started": 0, "who": "anna", "steps": steps, "running_s": 6.2}
    lost = {"started": 0, "who": "anna", "steps": steps}
    early = {"started": 0, "who": "anna", "steps": []}
    said = [line.split("  ", 1)[1] for line in deployment.log([running, lost, early]).splitlines()]
    assert said == ["anna  r2  running for 6 s", "anna  r2  did not finish", "anna  did not finish"]


def test_the_log_shows_the_kernels_chatter_to_who_asks_for_it() -> None:
    outcome = {"release": "r2", "verdict": "rolled-back", "reason": "the guest is gone", "console": ["[ 1.0] x", "no page"]}
    records = [{"started": 0, "who": "anna", "outcome": outcome}]
    assert [line.strip() for line in deployment.log(records).splitlines()[1:]] == ["the guest is gone", "guest: no page"]
    assert deployment.log(records, verbose=True).splitlines()[-1].strip() == "guest: [ 1.0] x"


def test_status_says_what_is_here_and_not_on_the_board() -> None:
    app = {
        "release": "r1", "healthy": True, "url": "", "wanted": "r1", "previous": "", "quarantine": {}, "phase": "idle",
    }  # fmt: skip
    board = BoardStatus({"profile": "virtual-armv7"}, {"decks": app, "mail": app})
    answer = BoardState(Found("stage", ("192.0.2.1",), 22, ""), board)

    def said(*here: object) -> list[str]:
        shown = deployment.status(answer, Here(*here) if here else None).splitlines()  # type: ignore[arg-type]  # as given
        return [line.strip() for line in shown if "here: " in line]

    assert said() == said("decks", "r1", ()) == said("other", "r9", ("x",)) == []
    assert said("decks", "r1", ("slides/a.html",)) == ["here: slides/a.html changed since r1 (edgedeploy push)"]
    assert said("decks", "r1", ("a", "b", "c")) == ["here: a and 2 more changed since r1 (edgedeploy push)"]
    assert said("decks", "r2", ()) == ["here: r2 (edgedeploy push)"]
    assert said("decks", "", ()) == ["here: no release yet (edgedeploy push)"]
    app["quarantine"] = {"r2": "the guest is gone"}
    assert said("decks", "r2", ()) == ["here: r2 (change it and push, or try it again: edgedeploy push --retry)"]


@pytest.mark.parametrize(
    ("kept", "said"),
    [("r0", "ready to go back to r0 at once: edgedeploy rollback decks"), ("", "previous: r0  (edgedeploy rollback decks)")],
)
def test_status_says_whether_the_way_back_takes_a_boot(kept: str, said: str) -> None:
    app = {
        "release": "r1", "healthy": True, "url": "http://192.0.2.7/", "wanted": "r1", "previous": "r0", "kept": kept, "quarantine": {},
        "phase": "steady",
    }  # fmt: skip
    board = BoardStatus({"profile": "virtual-armv7"}, {"decks": app})
    lines = deployment.status(BoardState(Found("stage", ("192.0.2.1",), 22, ""), board)).splitlines()
    assert [line.strip() for line in lines[2:]] == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "decks: r1 on air  http://192.0.2.7/"),
        ({"phase": "trial"}, "decks: r1 on trial  http://192.0.2.7/"),
        ({"healthy": False}, "decks: r1 NOT RUNNING"),
        ({"healthy": False, "release": ""}, "decks: nothing is on air"),
        ({"healthy": False, "release": "", "phase": "returning", "good": "r0"},
         "decks: going back to r0; it takes a minute, and nothing need be typed"),
    ],
)  # fmt: skip
def test_status_says_whether_the_talk_is_dead_or_being_rescued(changes: dict[str, object], said: str) -> None:
    app = {
        "release": "r1", "healthy": True, "url": "http://192.0.2.7/", "wanted": "", "previous": "", "quarantine": {},
        "phase": "steady", "good": "r1",
    }  # fmt: skip
    board = BoardStatus({"profile": "virtual-armv7"}, {"decks": app | changes})
    lines = deployment.status(BoardState(Found("stage", ("192.0.2.1",), 22, ""), board)).splitlines()
    assert lines[1].strip() == said


def test_a_deployment_under_way_is_told_in_the_place_of_what_would_invite_a_second_one() -> None:
    steps = [{"step": "unpack", "text": "…"}, {"step": "swap", "text": "…", "release": "r2"}]
    app = {
        "release": "r1", "healthy": True, "url": "http://192.0.2.7/", "wanted": "r2", "previous": "", "quarantine": {},
        "phase": "standby", "last": {"who": "anna", "running_s": 11.6, "steps": steps},
    }  # fmt: skip
    board = BoardStatus({"profile": "virtual-armv7"}, {"decks": app})
    shown = deployment.status(BoardState(Found("stage", ("192.0.2.1",), 22, ""), board), Here("decks", "r2", ()))
    assert "    being deployed now: r2 by anna, for 12 s so far (how it ends: edgedeploy log)" in shown.splitlines()
    assert "edgedeploy push" not in shown


def test_what_there_is_a_way_back_to_is_not_called_kept_off() -> None:
    app = {
        "release": "r1", "healthy": True, "url": "http://192.0.2.7/", "wanted": "r1", "previous": "r0", "kept": "r0", "phase": "steady",
        "quarantine": {"r0": "rolled back by anna", "r9": "it died"},
    }  # fmt: skip
    shown = deployment.status(BoardState(Found("stage", ("192.0.2.1",), 22, ""), BoardStatus({}, {"decks": app})))
    assert [line.strip() for line in shown.splitlines() if "kept off" in line] == ["kept off the air: r9 (it died)"]


def test_a_rollback_is_called_one_in_the_log() -> None:
    outcome = {"release": "r1", "verdict": "live", "console": [], "outage_ms": 0, "swap": "blue-green", "was_on_air": True}
    record = {"started": 0, "who": "anna", "outcome": outcome, "steps": [{"step": "rollback", "text": "going back"}]}
    assert deployment.log([record]).endswith("anna  r1  back on air (rollback)  outage none")


def test_what_runs_already_on_a_network_that_may_be_dark_is_not_called_live() -> None:
    live = but(verdict="already-live", outage_ms=0)
    assert deployment.pushed(live).splitlines()[0] == "decks r2 is already live on stage; nothing was touched"
    dark = replace(live, cable="/dev/ttyUSB0", confirmed="unknown")
    assert deployment.pushed(dark).splitlines()[0] == "decks r2 runs on stage already; nothing was touched"


def test_a_rollback_says_how_to_go_forward_again() -> None:
    outcome = Outcome("live", "r1", "r1", "u", "", 0, True, {}, [])
    found = Found("stage", ("10.0.0.7",), 22, "")
    said = deployment.rolled_back(found, outcome, "decks").splitlines()
    assert said[0] == "r1 is on air again on stage; outage none"
    assert said[-1] == "to have back what was on air before: edgedeploy rollback decks"
    assert deployment.rolled_back(found, outcome, "decks", others=True).endswith("edgedeploy rollback decks --on stage")
