"""decide(): example by example, and then every crash that hypothesis can think of."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edgedeploy.agent import plan, state
from edgedeploy.agent.plan import Slot, State
from tests import plan_table
from tests.needs import examples

A, B, C = (Slot(name, f"uuid-{name}") for name in "abc")


def test_the_docs_say_what_is_decided() -> None:
    page = Path(__file__).parents[3] / "docs/rollback.md"
    assert page.read_text() == plan_table.written(page.read_text()), (
        "python -m tests.plan_table --write docs/rollback.md"
    )
    assert len(plan_table.seen_rows()) > 100, "each of them was asked"


def test_nothing_wanted_nothing_done() -> None:
    assert plan.decide(State(), plan.Seen(None, "")) == (State(), plan.Finish("idle"))


def test_what_runs_and_is_wanted_is_left_alone() -> None:
    now = State(good=A)
    assert plan.decide(now, plan.Seen(A, A.uuid)) == (now, plan.Finish("already-live"))


def in_place(now: State, wanted: Slot, running: str) -> State:
    """The trial of a release that cannot be started beside what runs."""
    standby, effect = plan.decide(now, plan.Seen(wanted, running))
    assert (standby.phase, effect) == (plan.STANDBY, plan.Beside(wanted))
    trial, effect = plan.decide(standby, plan.NotBeside("no memory"))
    assert (trial.phase, trial.candidate, effect) == (plan.TRIAL, wanted, plan.Swap(wanted))
    return trial


def test_a_new_release_is_on_trial_until_it_answers() -> None:
    trial = in_place(State(good=A), B, A.uuid)
    assert plan.decide(trial, plan.Swapped()) == (trial, plan.Probe(B))
    steady, end = plan.decide(trial, plan.Answered())
    assert (steady.good, steady.previous, steady.candidate, end) == (B, A, None, plan.Finish("live"))


def test_a_release_that_breaks_is_quarantined_and_the_good_one_returns() -> None:
    trial = in_place(State(good=A), B, A.uuid)
    back, effect = plan.decide(trial, plan.Broke("no answer"))
    assert (back.phase, effect, dict(back.quarantine)) == (plan.RETURNING, plan.Swap(A), {B.uuid: "no answer"})
    steady, end = plan.decide(back, plan.Answered())
    assert (steady.phase, steady.good, end) == (plan.STEADY, A, plan.Finish("rolled-back", "no answer"))


def test_when_the_good_one_fails_too_it_is_stuck_and_says_both_reasons() -> None:
    trial = in_place(State(good=A), B, A.uuid)
    back, _ = plan.decide(trial, plan.Broke("no answer"))
    stuck, end = plan.decide(back, plan.Broke("no memory"))
    assert (stuck.phase, end.verdict) == (plan.STUCK, "rollback-failed")  # type: ignore[union-attr]  # it is a Finish
    assert "no answer" in stuck.reason and "no memory" in stuck.reason  # noqa: PT018 - one sentence, two halves
    assert plan.decide(stuck, plan.Seen(A, ""))[1] == plan.Swap(A), "the next tick tries the good one again"


def test_a_standby_that_answers_is_put_on_air_and_asked_again() -> None:
    standby, _ = plan.decide(State(good=A), plan.Seen(B, A.uuid))
    assert plan.decide(standby, plan.Standing()) == (standby, plan.ProbeBeside(B))
    cut, effect = plan.decide(standby, plan.Answered())
    assert (cut.phase, effect) == (plan.CUT, plan.CutOver(B))
    assert plan.decide(cut, plan.Swapped()) == (cut, plan.Probe(B))
    steady, end = plan.decide(cut, plan.Answered())
    assert (steady.good, steady.previous, end) == (B, A, plan.Finish("live"))


def test_a_standby_that_breaks_is_never_seen() -> None:
    standby, _ = plan.decide(State(good=A), plan.Seen(B, A.uuid))
    back, effect = plan.decide(standby, plan.Broke("no answer"))
    assert (effect, dict(back.quarantine)) == (plan.Look(repository=False), {B.uuid: "no answer"})
    same, effect = plan.decide(back, plan.Seen(None, A.uuid, frozenset({B.uuid})))
    assert effect == plan.Probe(A), "what was on air still is; it is asked all the same"
    assert plan.decide(same, plan.Answered())[1] == plan.Finish("rolled-back", "no answer")


def test_what_breaks_on_air_goes_back_to_the_predecessor_that_waits() -> None:
    cut = State(phase=plan.CUT, good=A, candidate=B)
    back, effect = plan.decide(cut, plan.Broke("no answer"))
    assert (back.phase, effect) == (plan.RETURNING, plan.Look(repository=False))
    _, effect = plan.decide(back, plan.Seen(None, B.uuid, frozenset({A.uuid})))
    assert effect == plan.CutOver(A)
    _, effect = plan.decide(back, plan.Seen(None, B.uuid))
    assert effect == plan.Swap(A), "it did not wait: it is started"


def test_a_rollback_puts_what_waits_on_air_and_starts_what_does_not() -> None:
    asked, effect = plan.decide(State(good=B, previous=A), plan.RollbackAsked(None, "anna"))
    assert effect == plan.Look(repository=False), "whatever the repository wants"
    assert plan.decide(asked, plan.Seen(None, B.uuid, frozenset({A.uuid})))[1] == plan.CutOver(A)
    assert plan.decide(asked, plan.Seen(None, B.uuid))[1] == plan.Beside(A)
    assert plan.decide(asked, plan.Seen(None, ""))[1] == plan.Swap(A)


def test_a_trial_that_was_cut_off_goes_on_where_it_was() -> None:
    standby = State(phase=plan.STANDBY, good=A, candidate=B)
    beside = frozenset({B.uuid})
    assert plan.decide(standby, plan.Seen(B, A.uuid, beside))[1] == plan.Beside(B), "its gate begins anew"
    cut = State(phase=plan.CUT, good=A, candidate=B)
    assert plan.decide(cut, plan.Seen(B, A.uuid, beside))[1] == plan.CutOver(B)
    assert plan.decide(cut, plan.Seen(B, B.uuid, frozenset({A.uuid})))[1] == plan.Probe(B)
    assert plan.decide(cut, plan.Seen(B, A.uuid))[1] == plan.Beside(B)
    assert plan.decide(cut, plan.Seen(B, ""))[1] == plan.Swap(B)


def test_after_a_power_cut_what_was_proven_comes_before_what_was_not() -> None:
    standby = State(phase=plan.STANDBY, good=A, candidate=B)
    back, effect = plan.decide(standby, plan.Seen(B, ""))
    assert (back.phase, effect) == (plan.RETURNING, plan.Swap(A))
    assert plan.decide(back, plan.Seen(B, ""))[1] == plan.Swap(A), "also when it is cut again"
    again, effect = plan.decide(back, plan.Answered())
    assert (again, effect) == (standby, plan.Beside(B)), "and then goes on as if nothing had been"
    stuck, _ = plan.decide(back, plan.Broke("no answer"))
    assert (stuck.phase, stuck.candidate) == (plan.STUCK, None)
    assert plan.decide(stuck, plan.Seen(B, ""))[1] == plan.Swap(B), "what may be better is not kept back by what is broken"


def test_the_quarantined_release_is_not_tried_again() -> None:
    now = State(good=A, quarantine={B.uuid: "no answer"})
    assert plan.decide(now, plan.Seen(B, A.uuid)) == (now, plan.Finish("quarantined", "no answer"))
    again, effect = plan.decide(now, plan.RetryAsked(B.uuid))
    assert (dict(again.quarantine), effect) == ({}, plan.Look())


def test_after_a_power_cut_in_a_trial_the_trial_goes_on() -> None:
    trial = State(phase=plan.TRIAL, good=A, candidate=B)
    assert plan.decide(trial, plan.Seen(B, ""))[1] == plan.Swap(B)
    assert plan.decide(trial, plan.Seen(B, B.uuid))[1] == plan.Probe(B)


def test_a_newer_release_supersedes_a_trial() -> None:
    trial = State(phase=plan.TRIAL, good=A, candidate=B)
    now, effect = plan.decide(trial, plan.Seen(C, B.uuid))
    assert (now.candidate, effect) == (C, plan.Swap(C))


def test_a_rollback_by_hand_that_fails_ends_where_it_began() -> None:
    now = State(good=B, previous=A)
    asked, _ = plan.decide(now, plan.RollbackAsked(None, "anna"))
    assert dict(asked.quarantine) == {B.uuid: "rolled back by anna"}
    trial = in_place(asked, A, B.uuid)
    back, effect = plan.decide(trial, plan.Broke("no answer"))
    assert (effect, B.uuid in back.quarantine) == (plan.Swap(B), False)


class Crashes(RuleBasedStateMachine):
    """The loop of agent/deploy.py against a model hypervisor, killed between any two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.saved = State()
        self.running = ""
        self.beside: set[str] = set()
        self.room, self.must = True, False
        self.wanted: Slot | None = None
        self.works = {A.uuid: True, B.uuid: True, C.uuid: True}
        self.proven: set[str] = set()

    @rule(slot=st.sampled_from([A, B, C]), works=st.booleans())
    def commit(self, slot: Slot, works: bool) -> None:
        self.wanted = slot
        if slot.uuid not in self.proven:  # what was proven keeps working: going back to it must succeed
            self.works[slot.uuid] = works

    @rule()
    def power_cut(self) -> None:
        self.running, self.beside = "", set()

    @rule(room=st.booleans())
    def memory(self, room: bool) -> None:
        self.room = room

    @rule()
    def the_one_that_waits_dies(self) -> None:
        self.beside = set()

    @rule(steps=st.integers(1, 12))
    def run_and_be_killed(self, steps: int) -> None:
        self.loop(self.seen(), steps)

    @rule(must=st.booleans())
    def wants_it_beside_or_nowhere(self, must: bool) -> None:
        self.must = must

    @rule(steps=st.integers(1, 12))
    def roll_back_and_be_killed(self, steps: int) -> None:
        if self.saved.previous:
            self.loop(plan.RollbackAsked(None, "anna"), steps)

    @rule()
    def run_to_the_end(self) -> None:
        end = self.loop(self.seen(), 50)
        assert end is not None, "the loop must end by itself"
        good = self.saved.good
        assert self.running == (good.uuid if good else ""), "the last proven release is on air"
        if end.verdict == "live" and self.wanted and self.wanted.uuid not in self.saved.quarantine:
            assert good == self.wanted

    def seen(self, repository: bool = True) -> plan.Seen:
        return plan.Seen(self.wanted if repository else None, self.running, frozenset(self.beside))

    def loop(self, event: plan.Event, steps: int) -> plan.Finish | None:
        now = state.loads(state.dumps(self.saved), "state.json")
        for _ in range(steps):
            now, effect = plan.decide(now, event)
            self.saved = now
            match effect:
                case plan.Finish():
                    self.beside &= {now.previous.uuid} if now.previous else set()
                    return effect
                case plan.Beside(slot):
                    assert self.running not in ("", slot.uuid), "there must be something that stays on air"
                    self.beside = {slot.uuid} if self.room else set()
                    event = plan.Standing() if self.room else plan.NotBeside("no memory", must=self.must)
                case plan.ProbeBeside(slot):
                    assert slot.uuid in self.beside
                    event = plan.Answered() if self.works[slot.uuid] else plan.Broke("no answer")
                case plan.CutOver(slot):
                    assert slot.uuid in self.beside, "only what waits can be put on air"
                    self.beside = {uuid for uuid in {self.running, *self.beside} - {slot.uuid} if uuid}
                    self.running = slot.uuid
                    event = plan.Swapped()
                case plan.Swap(slot):
                    self.running, self.beside = slot.uuid, set()
                    event = plan.Swapped()
                case plan.Probe(slot):
                    assert self.running == slot.uuid, "only what runs can be probed"
                    event = plan.Answered() if self.works[slot.uuid] else plan.Broke("no answer")
                    if self.works[slot.uuid]:
                        self.proven.add(slot.uuid)
                case plan.Clear():
                    self.running = ""
                    event = plan.Cleared()
                case plan.Look():
                    event = self.seen(effect.repository)
        return None

    @invariant()
    def good_was_proven(self) -> None:
        assert self.saved.good is None or self.saved.good.uuid in self.proven


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=examples(200), stateful_step_count=30, deadline=None)
