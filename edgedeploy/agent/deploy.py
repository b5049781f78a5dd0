"""Brings one app from what runs to what should run: gathers events, asks plan.decide, performs its effects.

Everything here runs under the app's swap lock. The state is saved before each effect, so that a kill or a power cut
anywhere leaves a state from which the next run goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from edgedeploy.agent import kept, plan, records, state
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.effects import Effects
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.leftovers import Leftovers
from edgedeploy.agent.network import Network
from edgedeploy.agent.otherapps import OtherApps
from edgedeploy.agent.plan import Slot, State
from edgedeploy.agent.prepare import Prepare
from edgedeploy.agent.sight import Sight
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, ReleaseId
from edgedeploy.core.release import ALIVE_ONLY

_SETTLED = (plan.STEADY, plan.STUCK)


class Deployment:
    """One run of the loop for one app."""

    def __init__(
        self,
        app: AppName,
        layout: AppLayout,
        repo: GitRepo,
        runtime: Runtime,
        network: Network,
        attempt: Attempt,
        others: OtherApps,
        later: kept.After = kept.after,
        how: str = "",
    ) -> None:
        """`later` starts a command after some seconds; `how` is one of release.SWAPS, "" for what each manifest says."""
        self._app = app
        self._layout = layout
        self._runtime = runtime
        self._attempt = attempt
        self._others = others
        self._prepare = Prepare(layout, repo, runtime, network.script)
        self._sight = Sight(app, layout, repo, runtime, network, others)
        self._effects = Effects(layout, self._sight, runtime, network, self._prepare, attempt, others, how)
        self._leftovers = Leftovers(app, layout, self._sight, runtime, network, later)

    @property
    def domains(self) -> list[Running] | None:
        """What ran when the hypervisor was asked last; None where things changed since."""
        return self._sight.domains

    # --- entries --------------------------------------------------------------------------------------------------

    def reconcile(self, *, retry: bool = False) -> dict[str, object]:
        """Make what runs equal to what the checked-out commit wants. Returns the fields of messages.Outcome.

        Raises an EdgeError when the wanted release was refused before anything was touched.
        """
        event = self._effects.look()
        now = state.load(self._layout.state)
        if retry and event.wanted and event.wanted.uuid in now.quarantine:
            return self._run(now, plan.RetryAsked(event.wanted.uuid))
        outcome = self._run(now, event)
        if self._sight.unreadable:  # told only now: what is good had to be on air first
            raise self._sight.unreadable
        return outcome

    def rollback(self, target: ReleaseId | None, who: str) -> dict[str, object]:
        """Go back to `target`, or to the previous release. Raises errors.UsageFault when there is none."""
        now = state.load(self._layout.state)
        slot = self._sight.slot_of(target) if target else now.previous
        if slot is None and target:
            there = sorted({one.release for one in records.every(self._layout).values()})
            raise errors.UsageFault(f"{target} is not kept on this board", hint=f"kept: {', '.join(there[-5:])}")
        if slot is None:
            raise errors.UsageFault(
                f"{self._app} has no earlier release on this board", hint="edgedeploy log " + self._app
            )
        if not self._prepare.ready(self._sight.manifest(slot)):
            raise errors.NoRoom(f"{slot.release} is no longer unpacked on this board", hint="push it again")
        self._effects.insists = False
        self._effects.look()
        return self._run(now, plan.RollbackAsked(slot, who))

    # --- the loop -------------------------------------------------------------------------------------------------

    def _run(self, now: State, event: plan.Event) -> dict[str, object]:
        learned = self._effects.learned
        try:
            while True:
                before = now
                now, effect = plan.decide(before, event)
                problem = self._prepared(effect, on_trial=now.phase in plan.TRYING)
                if problem and isinstance(event, plan.Seen) and before.phase in _SETTLED and now.phase in plan.TRYING:
                    self._refuse(before, event, problem)
                if now != before:
                    state.save(self._layout.state, now)
                if problem:
                    event = plan.Broke(problem.message)
                    continue
                learned.tried = now.candidate or now.failed or learned.tried
                if isinstance(effect, plan.Finish):
                    good = now.good
                    if effect.verdict == "quarantined" and isinstance(event, plan.Seen):
                        learned.tried = event.wanted
                    if effect.verdict == "already-live" and good and not self._effects.still_serves(good):
                        now = replace(now, phase=plan.RETURNING)
                        state.save(self._layout.state, now)
                        event = self._effects.swap(good)  # alive, but not serving: started anew
                        continue
                    self._leftovers.tidy(now, self._effects)
                    if learned.refusal:
                        raise learned.refusal
                    return self._outcome(now, effect)
                event = self._effects.perform(effect, now)
        finally:
            if learned.tail:
                learned.tail.close()

    def _prepared(self, effect: plan.Effect, *, on_trial: bool) -> errors.EdgeError | None:
        """Why a release cannot be started, before anything is touched; None when it can, or nothing is to be started."""
        prepared = self._effects.learned.prepared
        if isinstance(effect, plan.Swap | plan.Beside) and effect.slot.uuid not in prepared:
            try:
                self._ready_or_prepare(effect.slot, on_trial=on_trial)
                prepared.add(effect.slot.uuid)
            except errors.EdgeError as error:
                return error
            except OSError as error:
                return errors.NoRoom(f"the board's file system said: {error}", hint="df -h on the board")
        return None

    def _refuse(self, before: State, seen: plan.Seen, problem: errors.EdgeError) -> NoReturn:
        """What is new was refused; what is good must be on air all the same, also after a reboot."""
        if before.good and seen.running != before.good.uuid:
            self._run(before, replace(seen, wanted=None))
        raise problem

    def _ready_or_prepare(self, slot: Slot, *, on_trial: bool) -> None:
        manifest = self._sight.manifest(slot)
        for domain in self._runtime.domains():
            if domain.name == manifest.domain.name and domain.uuid in self._sight.others:
                raise errors.BadRepository(
                    f"the VM name {domain.name} is used by another app on this board",
                    hint="give it another one: [domain] vm in edgedeploy.toml",
                )
        if not on_trial and self._prepare.ready(manifest):
            return  # the way back: proven once, and no arithmetic may forbid it
        if commit := self._sight.commit(manifest):
            spare = self._others.spare(self._runtime.domains())
            self._prepare.release(manifest, commit, self._attempt, self._sight.ours(), spare)
        elif not self._prepare.ready(manifest):
            raise errors.BadRepository(f"{slot.release} is not whole on this board any more", hint="push the app again")

    # --- the end --------------------------------------------------------------------------------------------------

    def _unproven(self, finish: plan.Finish, subject: Slot | None) -> str:
        """What a good end does not prove where nothing can be asked of the guest."""
        good = finish.verdict in ("live", "already-live", "rolled-back")
        known = self._sight.known(subject) if good and subject else None
        return ALIVE_ONLY if known and known.health is None else ""

    def _outcome(self, now: State, finish: plan.Finish) -> dict[str, object]:
        learned, (on_air, others) = self._effects.learned, self._sight.sorted()
        slots = [slot for slot in (now.good, now.candidate, now.previous) if slot]
        running = next((slot for slot in slots if on_air and slot.uuid == on_air.uuid), None)
        subject = learned.tried or now.good
        way_back = [slot.release for slot in slots if any(d.uuid == slot.uuid and d.paused for d in others)]
        return {
            "verdict": finish.verdict,
            "release": subject.release if subject else "",
            "running": running.release if running else "",
            "uuid": on_air.uuid if on_air else "",
            "reason": "; ".join(filter(None, (finish.reason, self._unproven(finish, running or subject)))),
            "outage_ms": learned.outage_ms,
            "was_on_air": bool(learned.before),
            "served": learned.served,
            "console": [] if finish.verdict in ("live", "already-live") else learned.console,
            "swap": learned.swap,
            "why_in_place": learned.why_in_place,
            "kept": way_back[0] if way_back else "",
        }
