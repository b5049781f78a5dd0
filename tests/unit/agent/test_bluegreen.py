"""A swap that nobody sees, on the model board: beside, asked there, put on air; and killed between any two doings."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedeploy.agent import __main__ as agent
from edgedeploy.agent import config, state, status
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import names, release
from tests.unit.agent.model import ModelBoard


@pytest.fixture
def two(model: ModelBoard) -> ModelBoard:
    """r1 is on air, r2 is wanted, and there is room for both."""
    model.network.why = ""
    model.release("r1")
    model.deploy()
    model.release("r2")
    model.xen.calls.clear()
    return model


def on_air(model: ModelBoard) -> list[str]:
    """Releases of the living guests on the real bridge."""
    alive = [domid for domid, guest in model.xen.guests.items() if not guest.dead and not model.network.off_air(domid)]
    return [model.xen.words[domid] for domid in alive]


def waiting(model: ModelBoard) -> list[str]:
    """Releases of all other guests; what is left over beside them is a fault."""
    assert not model.network.made, "no private bridge is left"
    assert not model.network.marks
    off = [domid for domid in model.xen.guests if model.network.off_air(domid)]
    assert all(model.xen.guests[domid].paused for domid in off)
    return [model.xen.words[domid] for domid in off]


def test_a_release_is_asked_where_nobody_sees_it_and_then_put_on_air(two: ModelBoard) -> None:
    asked: list[list[str]] = []
    prepare = two.network.prepare
    two.xen.on_create = lambda: asked.append(on_air(two))
    assert prepare
    outcome = two.deploy()
    assert asked == [["r1"]], "while the new one boots the old one serves"
    assert (outcome["verdict"], outcome["running"], outcome["outage_ms"]) == ("live", "r2", 0)
    assert (outcome["swap"], outcome["kept"], outcome["why_in_place"]) == ("blue-green", "r1", "")
    assert (on_air(two), waiting(two)) == (["r2"], ["r1"])
    assert two.xen.preferred == ["r2"], "what boots has less of the processors, what is on air has its share"
    assert two.xen.calls == [
        "validate", "private bridge", "create", "cut over", "take off", "pause", "rename", "clear", "rename",
    ]  # fmt: skip
    assert sorted(guest.name for guest in two.xen.guests.values()) == ["decks", "decks.r1"]


def test_a_release_that_fails_its_gate_is_never_seen(two: ModelBoard) -> None:
    two.xen.serves["r2"] = b"something else"
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["release"], outcome["running"]) == ("rolled-back", "r2", "r1")
    assert "not what was released" in str(outcome["reason"])
    assert outcome["outage_ms"] == 0
    assert (on_air(two), waiting(two)) == (["r1"], [])
    assert "cut over" not in two.xen.calls
    assert [call for call in two.xen.calls if call == "destroy"] == ["destroy"], "the failed one, and no other"
    assert two.deploy()["verdict"] == "quarantined"


@pytest.mark.parametrize("fate", ["dies", "refused"])
def test_a_standby_that_does_not_start_costs_nothing(two: ModelBoard, fate: str) -> None:
    if fate == "dies":
        two.xen.dies.add("r2")
    else:
        two.xen.fail = refuses("create")
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["outage_ms"]) == ("rolled-back", 0)
    assert (on_air(two), waiting(two)) == (["r1"], [])


@pytest.mark.parametrize("looks", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("how", ["beside", "in its place"])
def test_a_guest_between_two_boots_does_not_come_back(two: ModelBoard, how: str, looks: int) -> None:
    """The hypervisor lists none then, and what `xl create` left in the background builds the next one: on the real bridge."""
    two.network.why = "" if how == "beside" else "the model has one bridge"
    two.xen.serves["r2"] = None
    two.xen.flickers["r2"] = looks
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["running"]) == ("rolled-back", "r1")
    for _ in range(7):
        two.xen.domains()
        assert (on_air(two), waiting(two), two.xen.on_air) == (["r1"], [], "r1")


def test_the_good_guest_may_be_between_two_boots_when_a_tick_comes(
    two: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.deploy()
    flicker = two.xen._flicker

    def once() -> None:
        flicker()
        two.xen.flickers.clear()

    monkeypatch.setattr(two.xen, "_flicker", once)
    two.xen.flickers["r2"] = 1
    for _ in range(2):
        assert two.deploy()["running"] == "r2"
        assert (on_air(two), two.xen.on_air) == (["r2"], "r2")


def refuses(what: str) -> Callable[[str], None]:
    def fail(call: str) -> None:
        if call == what:
            raise CommandFailed(["xl", what], "ended with status 1", "the hypervisor says no")

    return fail


def test_what_answers_beside_and_not_on_air_goes_back_at_once(two: ModelBoard) -> None:
    def cut(call: str) -> None:
        if call == "take off":
            raise AssertionError("the predecessor must be awake until the successor is proven")
        if call == "cut over" and two.xen.calls.count("cut over") == 1:
            two.xen.serves["r2"] = b"something else"

    two.xen.fail = cut
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["running"]) == ("rolled-back", "r1")
    assert two.xen.calls.count("cut over") == 2
    assert two.xen.calls.count("create") == 1, "the way back takes no boot"
    assert (on_air(two), waiting(two)) == (["r1"], [])


def test_a_port_that_cannot_be_moved_leaves_the_old_one_on_air(two: ModelBoard) -> None:
    two.xen.fail = refuses("cut over")
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["running"], outcome["outage_ms"]) == ("rolled-back", "r1", 0)
    assert "the hypervisor says no" in str(outcome["reason"])
    assert (on_air(two), waiting(two)) == (["r1"], [])


def test_the_way_back_takes_no_boot_and_so_does_the_way_forth(two: ModelBoard) -> None:
    two.deploy()
    for back in ("r1", "r2", "r1"):
        two.xen.calls.clear()
        outcome = two.board.rollback(two.app, None, "anna")
        assert (outcome["verdict"], outcome["running"], outcome["swap"]) == ("live", back, "blue-green")
        assert (on_air(two), len(waiting(two))) == ([back], 1)
        assert "create" not in two.xen.calls
        names_now = {two.xen.words[domid]: guest.name for domid, guest in two.xen.guests.items()}
        assert names_now[back] == "decks"


def test_a_rollback_to_what_waits_no_more_starts_it_beside(two: ModelBoard) -> None:
    two.deploy()
    two.xen.guests = {domid: guest for domid, guest in two.xen.guests.items() if two.xen.words[domid] == "r2"}
    outcome = two.board.rollback(two.app, None, "anna")
    assert (outcome["verdict"], outcome["running"], outcome["outage_ms"]) == ("live", "r1", 0)
    assert two.xen.calls.count("create") == 2
    assert (on_air(two), waiting(two)) == (["r1"], ["r2"])


def test_what_waits_is_gone_after_its_time_and_status_says_what_waits(two: ModelBoard) -> None:
    two.deploy()
    assert status.apps(two.board)["decks"]["kept"] == "r1"
    assert status.apps(two.board)["decks"]["release"] == "r2", "what is on air is told, not what waits"
    ((seconds, argv),) = two.later
    assert seconds > 60 * release.KEEP_PREVIOUS_MIN
    assert list(argv)[1:] == ["apply", "decks"]
    two.board.apply(two.app, "timer")
    assert waiting(two) == ["r1"], "its time is not over"
    two.passed.append(seconds)
    assert two.board.apply(two.app, "timer")["verdict"] == "already-live"
    assert (on_air(two), waiting(two)) == (["r2"], [])
    assert status.apps(two.board)["decks"]["kept"] == ""


def test_console_and_announcement_mean_the_one_on_air(two: ModelBoard, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = two.deploy()
    domain, named = status.on_air(two.layout.app(two.app), two.xen.domains(), two.network)
    assert (named, domain and two.xen.words[domain.domid]) == ("r2", "r2")
    two.board.announce()
    said = two.layout.avahi_service.read_text()
    assert "decks=r2" in said
    assert "r1" not in said
    assert agent._end(outcome) == 0
    assert capsys.readouterr().out == "live: r2 is on air, outage none; r1 waits for a way back at once\n"


def test_the_next_deployment_retires_what_waits_before_it_asks_for_memory(two: ModelBoard) -> None:
    two.xen.total = 210  # two of 96 MB
    two.deploy()
    two.release("r3")
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["swap"]) == ("live", "blue-green")
    assert (on_air(two), waiting(two)) == (["r3"], ["r2"])


def test_with_memory_for_one_guest_it_is_done_in_place_and_said_with_the_numbers(two: ModelBoard) -> None:
    two.xen.total = 140
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["swap"]) == ("live", "in-place")
    assert outcome["why_in_place"] == "needs 100 MB, 44 MB free"
    assert (on_air(two), waiting(two)) == (["r2"], [])


def test_a_private_bridge_that_cannot_be_made_is_no_reason_not_to_deploy(two: ModelBoard) -> None:
    two.xen.fail = refuses("private bridge")
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["swap"]) == ("live", "in-place")
    assert "the hypervisor says no" in str(outcome["why_in_place"])


def test_another_apps_guests_are_never_touched(two: ModelBoard, tmp_path: Path) -> None:
    other = names.AppName("other")
    two.board.config.apps[other] = config.AppConfig()
    two.board.repo(other).ensure(other, "")
    guest = two.xen.guests[1]
    foreign = two.xen.next_id
    two.xen.guests[foreign] = type(guest)("decks.r2", "foreign", foreign, 10, False, "-b----")
    two.xen.words[foreign] = "foreign"
    two.xen.next_id += 1
    outcome = two.deploy()
    assert (outcome["verdict"], outcome["swap"]) == ("live", "in-place"), "its name was taken"
    assert foreign in two.xen.guests


class Killed(BaseException):
    """The agent is gone, there and then."""


def killed_at(
    two: ModelBoard, monkeypatch: pytest.MonkeyPatch, where: str, work: Callable[[], object] | None = None
) -> bool:
    """Deploy (or do other `work`), and be killed before the n-th call of a kind, or before or after a saving of the state."""
    kind, _, number = where.rpartition(" ")
    count = 0

    def seen(call: str) -> None:
        nonlocal count
        count += call == kind
        if call == kind and count == int(number):
            raise Killed

    def save(path: Path, now: state.State) -> None:
        seen("before saving")
        real(path, now)
        seen("after saving")

    real = state.save
    two.xen.fail = seen
    with monkeypatch.context() as patched:
        patched.setattr(state, "save", save)
        try:
            (work or two.deploy)()
        except Killed:
            return True
        finally:
            two.xen.fail = lambda call: None
            two.network.asked.clear()
    return False


SAVING = [f"{when} saving {number}" for number in (1, 2, 3) for when in ("before", "after")]
PLACES = {
    "blue-green": [
        "validate 1", "private bridge 1", "create 1", "cut over 1", "take off 1", "pause 1", "rename 1", "rename 2",
        "clear 1", *SAVING,
    ],
    "blue-green, r2 is bad": ["validate 1", "private bridge 1", "create 1", "destroy 1", "clear 1", *SAVING],
    "in-place": ["validate 1", "destroy 1", "create 1", *SAVING],
    "in-place, r2 is bad": ["validate 1", "destroy 1", "create 1", "destroy 2", "create 2", *SAVING],
}  # fmt: skip


@pytest.mark.parametrize("after", ["the next tick", "the power cut"])
@pytest.mark.parametrize(("way", "where"), [(way, where) for way, places in PLACES.items() for where in places])
def test_killed_anywhere_one_release_is_served_and_nothing_is_left_over(
    two: ModelBoard, monkeypatch: pytest.MonkeyPatch, where: str, way: str, after: str
) -> None:
    two.network.why = "" if way.startswith("blue-green") else "no room"
    good = "bad" not in way
    if not good:
        two.xen.serves["r2"] = b"something else"
    assert killed_at(two, monkeypatch, where), "this place is reached, or the test proves nothing"
    if after == "the power cut":
        two.xen.power_cut()
        shutil.rmtree(two.layout.root / "run", ignore_errors=True)
        two.board.boot()
    outcome = two.board.apply(two.app, "tick")
    served = "r2" if good else "r1"
    assert on_air(two) == [served]
    assert set(waiting(two)) <= {"r1"} - {served}
    assert two.xen.on_air == served
    assert outcome["running"] == served
    now = state.load(two.layout.app(two.app).state)
    assert (now.phase, now.good and now.good.release) == ("steady", served)


BACK = ["unpause 1", "cut over 1", "take off 1", "pause 1", "rename 1", "rename 2", *SAVING[:4]]


@pytest.mark.parametrize("after", ["the next tick", "the power cut"])
@pytest.mark.parametrize("where", BACK)
def test_killed_anywhere_on_the_way_back_one_release_is_served_and_nothing_is_left_over(
    two: ModelBoard, monkeypatch: pytest.MonkeyPatch, where: str, after: str
) -> None:
    two.deploy()
    two.xen.calls.clear()
    assert killed_at(two, monkeypatch, where, lambda: two.board.rollback(two.app, None, "anna"))
    if after == "the power cut":
        two.xen.power_cut()
        shutil.rmtree(two.layout.root / "run", ignore_errors=True)
        two.board.boot()
    outcome = two.board.apply(two.app, "tick")
    served = "r2" if where == "before saving 1" else "r1"
    assert (on_air(two), outcome["running"], two.xen.on_air) == ([served], served, served)
    assert set(waiting(two)) <= {"r1", "r2"} - {served}
    now = state.load(two.layout.app(two.app).state)
    assert (now.phase, now.good and now.good.release) == ("steady", served)


def test_a_bad_release_on_trial_beside_when_the_power_is_cut_does_not_darken_the_next_boot(
    two: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.xen.serves["r2"] = b"something else"
    assert killed_at(two, monkeypatch, "create 1")
    two.xen.power_cut()
    started: list[str] = []
    two.xen.on_create = lambda: started.append(two.xen.words[two.xen.next_id - 1])
    two.board.boot()
    assert started == ["r1", "r2"], "first what is good, then the other one beside it"
    assert (on_air(two), waiting(two)) == (["r1"], [])


def test_no_doing_is_forgotten_above(two: ModelBoard) -> None:
    two.deploy()
    two.xen.serves["r3"] = b"something else"
    two.release("r3")
    two.deploy()
    two.board.rollback(two.app, None, "anna")
    places = {place.rpartition(" ")[0] for places in [*PLACES.values(), BACK] for place in places}
    assert set(two.xen.calls) <= places
