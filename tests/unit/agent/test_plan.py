"""decide(): example by example, and then every crash that hypothesis can think of."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edgedeploy.agent import plan, state
from edgedeploy.agent.plan import Slot, State
from tests.needs import examples

A, B, C = (Slot(name, f"uuid-{name}") for name in "abc")


def test_nothing_wanted_nothing_done() -> None:
    assert plan.decide(State(), plan.Seen(None, "")) == (State(), plan.Finish("idle"))


def test_what_runs_and_is_wanted_is_left_alone() -> None:
    now = State(good=A)
    assert plan.decide(now, plan.Seen(A, A.uuid)) == (now, plan.Finish("already-live"))


def test_a_new_release_is_on_trial_until_it_answers() -> None:
    trial, effect = plan.decide(State(good=A), plan.Seen(B, A.uuid))
    assert (trial.phase, trial.good, trial.candidate, effect) == (plan.TRIAL, A, B, plan.Swap(B))
    assert plan.decide(trial, plan.Swapped()) == (trial, plan.Probe(B))
    steady, end = plan.decide(trial, plan.Answered())
    assert (steady.good, steady.previous, steady.candidate, end) == (B, A, None, plan.Finish("live"))


def test_a_release_that_breaks_is_quarantined_and_the_good_one_returns() -> None:
    trial, _ = plan.decide(State(good=A), plan.Seen(B, A.uuid))
    back, effect = plan.decide(trial, plan.Broke("no answer"))
    assert (back.phase, effect, dict(back.quarantine)) == (plan.RETURNING, plan.Swap(A), {B.uuid: "no answer"})
    steady, end = plan.decide(back, plan.Answered())
    assert (steady.phase, steady.good, end) == (plan.STEADY, A, plan.Finish("rolled-back", "no answer"))


def test_when_the_good_one_fails_too_it_is_stuck_and_says_both_reasons() -> None:
    trial, _ = plan.decide(State(good=A), plan.Seen(B, A.uuid))
    back, _ = plan.decide(trial, plan.Broke("no answer"))
    stuck, end = plan.decide(back, plan.Broke("no memory"))
    assert (stuck.phase, end.verdict) == (plan.STUCK, "rollback-failed")  # type: ignore[union-attr]  # it is a Finish
    assert "no answer" in stuck.reason and "no memory" in stuck.reason  # noqa: PT018 - one sentence, two halves
    assert plan.decide(stuck, plan.Seen(A, ""))[1] == plan.Swap(A), "the next tick tries the good one again"


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
    trial, effect = plan.decide(now, plan.RollbackAsked(None, "anna"))
    assert (effect, dict(trial.quarantine)) == (plan.Swap(A), {B.uuid: "rolled back by anna"})
    back, effect = plan.decide(trial, plan.Broke("no answer"))
    assert (effect, B.uuid in back.quarantine) == (plan.Swap(B), False)


class Crashes(RuleBasedStateMachine):
    """The loop of agent/deploy.py against a model hypervisor, killed between any two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.saved = State()
        self.running = ""
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
        self.running = ""

    @rule(steps=st.integers(1, 12))
    def run_and_be_killed(self, steps: int) -> None:
        self.loop(steps)

    @rule()
    def run_to_the_end(self) -> None:
        end = self.loop(50)
        assert end is not None, "the loop must end by itself"
        good = self.saved.good
        assert self.running == (good.uuid if good else ""), "the last proven release is on air"
        if end.verdict == "live" and self.wanted and self.wanted.uuid not in self.saved.quarantine:
            assert good == self.wanted

    def loop(self, steps: int) -> plan.Finish | None:
        now = state.loads(state.dumps(self.saved), "state.json")
        event: plan.Event = plan.Seen(self.wanted, self.running)
        for _ in range(steps):
            now, effect = plan.decide(now, event)
            self.saved = now
            match effect:
                case plan.Finish():
                    return effect
                case plan.Swap(slot):
                    self.running = slot.uuid
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
                    event = plan.Seen(self.wanted, self.running)
        return None

    @invariant()
    def good_was_proven(self) -> None:
        assert self.saved.good is None or self.saved.good.uuid in self.proven


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=examples(200), stateful_step_count=30, deadline=None)
