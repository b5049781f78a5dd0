"""What to do next, decided purely: `decide(state, event) -> (state, effect)`.

Level-triggered: `Seen` (what should run, what does run) may come at any time and in any state, also after a power cut
in the middle of a swap; the answer is always one next effect. The runner (agent/deploy.py) saves the new state, performs
the effect and feeds its event back, until the effect is `Finish`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

STEADY, STANDBY, CUT, TRIAL, RETURNING, STUCK = "steady", "standby", "cut", "trial", "returning", "stuck"
REFUSED = "refused"
"""no verdict on a release: nothing was touched, and it may be tried again"""
_TOO = "; then the previous release failed too: "
PHASES = (STEADY, STANDBY, CUT, TRIAL, RETURNING, STUCK)
TRYING = (STANDBY, CUT, TRIAL)
"""phases with a candidate: beside what is on air, on air while its predecessor waits, on air alone"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A release that the agent can start: its id and its domain's UUID."""

    release: str
    uuid: str


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered between two steps. What *runs* is not in here: the hypervisor says that."""

    phase: str = STEADY
    good: Slot | None = None
    """the last release that was proven; "installed" and "proven good" are two things"""
    previous: Slot | None = None
    """the one before it, kept unpacked"""
    candidate: Slot | None = None
    """on trial; in RETURNING, to be tried when what is good is on air again"""
    failed: Slot | None = None
    """the release that is being returned from, with `reason`"""
    reason: str = ""
    quarantine: Mapping[str, str] = field(default_factory=dict)
    """uuid -> why it is not tried again by itself"""


# --- events: what happened ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """The repository wants `wanted`; on air is the app's domain with UUID `running` ("" : none)."""

    wanted: Slot | None
    running: str
    beside: frozenset[str] = frozenset()
    """UUIDs of the app's other domains that are alive: on no bridge, or on a private one"""


@dataclass(frozen=True, slots=True)
class RollbackAsked:
    """A person wants to go back to `target` (None: the previous release)."""

    target: Slot | None
    who: str


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """A person wants a quarantined release to be tried again."""

    uuid: str


@dataclass(frozen=True, slots=True)
class NotBeside:
    """The release cannot be started beside the one on air; nothing was touched. `must`: it was to be there or nowhere."""

    reason: str
    must: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """The standby was created, on the private bridge."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """The release is on air: its domain was created there, or its port was moved there."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The health probe is satisfied."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Creating failed, the guest died, or the probe was not satisfied in time."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The failed domain was removed."""


Event = Seen | RollbackAsked | RetryAsked | NotBeside | Standing | Swapped | Answered | Broke | Cleared


# --- effects: what to do --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beside:
    """Create this one on a private bridge, while what is on air stays there. What else there is of the app goes first."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class ProbeBeside:
    """Wait until the standby serves, on its private bridge, what its manifest says."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class CutOver:
    """Put this one, which is alive, on the real bridge, and take what is there off it."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Swap:
    """Destroy the app's domains, whichever they are, and create this one."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Probe:
    """Wait until the release is served as its manifest says."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove a domain that failed and has no predecessor."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Look:
    """Look again at what does run and, if not decided already, at what should: the `repository`."""

    repository: bool = True


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more to do; `verdict` is one of core.messages.VERDICTS, or REFUSED."""

    verdict: str
    reason: str = ""


Effect = Beside | ProbeBeside | CutOver | Swap | Probe | Clear | Look | Finish


def decide(state: State, event: Event) -> tuple[State, Effect]:
    """The next state and the one effect to perform in it."""
    match event:
        case Seen():
            return _seen(state, event)
        case RollbackAsked():
            return _rollback(state, event)
        case RetryAsked():
            kept = {uuid: why for uuid, why in state.quarantine.items() if uuid != event.uuid}
            return replace(state, quarantine=kept), Look()
        case NotBeside(reason, must=True):
            return replace(state, phase=STEADY, candidate=None), Finish(REFUSED, reason)
        case NotBeside():
            trial = replace(state, phase=TRIAL)
            return trial, Swap(_on_stage(trial))
        case Standing():
            return state, ProbeBeside(_on_stage(state))
        case Swapped():
            return state, Probe(_on_stage(state))
        case Answered():
            return _answered(state)
        case Broke():
            return _broke(state, event.reason)
        case Cleared():
            return replace(state, reason=""), Finish("failed-nothing-to-go-back-to", state.reason)


def _on_stage(state: State) -> Slot:
    slot = state.candidate if state.phase in TRYING else state.good
    assert slot is not None, "a swap was made without a release"
    return slot


def _seen(state: State, seen: Seen) -> tuple[State, Effect]:
    wanted = seen.wanted if seen.wanted and seen.wanted.uuid not in state.quarantine else None
    if state.candidate and (wanted is None or wanted == state.candidate):
        if state.good and state.phase in (STANDBY, RETURNING) and not seen.running:
            # the power was cut before it was proven: first what is good, then the candidate beside it
            return _return(replace(state, phase=RETURNING), state.good, seen)
        return _try(state, state.candidate, seen)
    if wanted and wanted != state.good:
        return _try(replace(state, phase=STEADY, candidate=wanted, failed=None, reason=""), wanted, seen)
    if state.good is None:
        return state, Finish("quarantined" if seen.wanted else "idle", _why_not(state, seen))
    if state.phase == STEADY and seen.running == state.good.uuid:
        if seen.wanted and wanted is None and seen.wanted != state.good:
            return state, Finish("quarantined", _why_not(state, seen))
        return state, Finish("already-live")
    return _return(replace(state, phase=RETURNING, candidate=None), state.good, seen)


def _return(returning: State, good: Slot, seen: Seen) -> tuple[State, Effect]:
    """On the way back to what is good."""
    if seen.running != good.uuid and good.uuid in seen.beside:
        return returning, CutOver(good)
    return returning, _start_or_probe(good, seen.running)


def _try(state: State, candidate: Slot, seen: Seen) -> tuple[State, Effect]:
    """Where nothing is to be kept on air the candidate is started there; else beside, whatever was half-done."""
    if state.phase == CUT and candidate.uuid in seen.beside:
        return state, CutOver(candidate)
    if state.good and state.good != candidate and seen.running == state.good.uuid:
        return replace(state, phase=STANDBY), Beside(candidate)
    on_air = CUT if state.phase == CUT and seen.running == candidate.uuid else TRIAL
    return replace(state, phase=on_air), _start_or_probe(candidate, seen.running)


def _start_or_probe(slot: Slot, running: str) -> Effect:
    return Probe(slot) if running == slot.uuid else Swap(slot)


def _why_not(state: State, seen: Seen) -> str:
    return state.quarantine.get(seen.wanted.uuid, "") if seen.wanted else ""


def _rollback(state: State, asked: RollbackAsked) -> tuple[State, Effect]:
    target = asked.target or state.previous
    if target is None or state.good is None:
        return state, Finish("idle", "there is no earlier release to go back to")
    if target == state.good:  # back to what is good already, and away from what is on trial
        kept = dict(state.quarantine)
        if state.candidate:
            kept[state.candidate.uuid] = f"rolled back by {asked.who}"
        back = replace(state, phase=RETURNING, candidate=None, failed=None, quarantine=kept)
        return back, Look(repository=False) if state.phase in (STANDBY, CUT) else Swap(target)
    quarantine = {uuid: why for uuid, why in state.quarantine.items() if uuid != target.uuid}
    quarantine[state.good.uuid] = f"rolled back by {asked.who}"
    # as after a standby's gate: where the target is still alive, nothing is left to do but to put it on air
    return replace(state, phase=CUT, candidate=target, failed=None, reason="", quarantine=quarantine), Look(repository=False)


def _answered(state: State) -> tuple[State, Effect]:
    if state.phase == STANDBY:
        return replace(state, phase=CUT), CutOver(_on_stage(state))
    if state.phase in TRYING:
        previous = state.good if state.good != state.candidate else state.previous
        return (
            replace(
                state, phase=STEADY, good=state.candidate, previous=previous, candidate=None, failed=None, reason=""
            ),
            Finish("live"),
        )
    if state.candidate:
        return replace(state, phase=STANDBY), Beside(state.candidate)
    verdict = Finish("rolled-back", state.reason) if state.failed else Finish("live")
    return replace(state, phase=STEADY, failed=None, reason=""), verdict


def _broke(state: State, reason: str) -> tuple[State, Effect]:
    if state.phase not in TRYING or state.candidate is None:
        first = state.reason.partition(_TOO)[0]  # each tick tries again: the reasons must not pile up
        why = f"{first}{_TOO}{reason}" if state.failed else reason
        return replace(state, phase=STUCK, candidate=None, reason=why), Finish("rollback-failed", why)
    quarantine = {**state.quarantine, state.candidate.uuid: reason}
    if state.good is None or state.good == state.candidate:
        cleared = replace(state, phase=STEADY, candidate=None, reason=reason, quarantine=quarantine)
        return cleared, Clear(state.candidate)
    quarantine.pop(state.good.uuid, None)  # a rollback by hand that failed: what runs now is wanted again
    back = replace(state, phase=RETURNING, candidate=None, failed=state.candidate, reason=reason, quarantine=quarantine)
    return back, Swap(state.good) if state.phase == TRIAL else Look(repository=False)
