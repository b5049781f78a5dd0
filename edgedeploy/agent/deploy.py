"""Brings one app from what runs to what should run: gathers events, asks plan.decide, performs its effects.

Everything here runs under the app's swap lock. The state is saved before each effect, so that a kill or a power cut
anywhere leaves a state from which the next run goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import NoReturn

from edgedeploy.agent import health, plan, state
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.console import ConsoleTail, Kept
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.plan import Slot, State
from edgedeploy.agent.prepare import Prepare
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors, release
from edgedeploy.core.names import AppName, ReleaseId
from edgedeploy.core.release import Manifest

_SETTLED = (plan.STEADY, plan.STUCK)


@dataclass(slots=True)
class _Seen:
    """What one deployment learns on its way."""

    outage_ms: int = 0
    down_since: float = 0.0
    before: str = ""
    tried: Slot | None = None
    domid: int = 0
    served: dict[str, str] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)
    tail: ConsoleTail | None = None


class Deployment:
    """One run of the loop for one app. `commit` is where the wanted release is read from (None: nothing pulled yet)."""

    def __init__(
        self,
        app: AppName,
        layout: AppLayout,
        repo: GitRepo,
        runtime: Runtime,
        attempt: Attempt,
        others: frozenset[str] = frozenset(),
    ) -> None:
        """`others` are the UUIDs of other apps' domains: never touched, whatever they are called."""
        self._others = others
        self._unreadable: errors.EdgeError | None = None
        self._app = app
        self._layout = layout
        self._repo = repo
        self._runtime = runtime
        self._attempt = attempt
        self._prepare = Prepare(layout, repo, runtime)
        self._seen = _Seen()
        self._manifests: dict[str, Manifest] = {}
        self.domains: list[Running] | None = None
        """what ran when the hypervisor was asked last, which is half a second of a small core; None: things changed since"""

    # --- entries --------------------------------------------------------------------------------------------------

    def reconcile(self, *, retry: bool = False) -> dict[str, object]:
        """Make what runs equal to what the checked-out commit wants. Returns the fields of messages.Outcome.

        Raises an EdgeError when the wanted release was refused before anything was touched.
        """
        event = self._look()
        now = state.load(self._layout.state)
        if retry and event.wanted and event.wanted.uuid in now.quarantine:
            return self._run(now, plan.RetryAsked(event.wanted.uuid))
        outcome = self._run(now, event)
        if self._unreadable:  # told only now: what is good had to be on air first
            raise self._unreadable
        return outcome

    def rollback(self, target: ReleaseId | None, who: str) -> dict[str, object]:
        """Go back to `target`, or to the previous release. Raises errors.UsageFault when there is none."""
        now = state.load(self._layout.state)
        slot = self._slot_of(target) if target else now.previous
        if slot is None and target:
            kept = sorted(path.stem for path in self._layout.manifest(target).parent.glob("*.json"))
            raise errors.UsageFault(f"{target} is not kept on this board", hint=f"kept: {', '.join(kept[-5:])}")
        if slot is None:
            raise errors.UsageFault(
                f"{self._app} has no earlier release on this board", hint="edgedeploy log " + self._app
            )
        if not self._prepare.ready(self._manifest(slot)):
            raise errors.NoRoom(f"{slot.release} is no longer unpacked on this board", hint="push it again")
        self._look()
        return self._run(now, plan.RollbackAsked(slot, who))

    # --- the loop -------------------------------------------------------------------------------------------------

    def _run(self, now: State, event: plan.Event) -> dict[str, object]:
        try:
            while True:
                before = now
                now, effect = plan.decide(before, event)
                problem = self._prepared(effect, on_trial=now.phase == plan.TRIAL)
                if problem and isinstance(event, plan.Seen) and before.phase in _SETTLED and now.phase == plan.TRIAL:
                    self._refuse(before, event, problem)
                if now != before:
                    state.save(self._layout.state, now)
                if problem:
                    event = plan.Broke(problem.message)
                    continue
                self._seen.tried = now.candidate or now.failed or self._seen.tried
                if isinstance(effect, plan.Finish):
                    good = now.good
                    if effect.verdict == "quarantined" and isinstance(event, plan.Seen):
                        self._seen.tried = event.wanted
                    if effect.verdict == "already-live" and good and not self._still_serves(good):
                        now = replace(now, phase=plan.RETURNING)
                        state.save(self._layout.state, now)
                        event = self._swap(good)  # alive, but not serving: started anew
                        continue
                    return self._outcome(now, effect)
                event = self._perform(effect)
        finally:
            if self._seen.tail:
                self._seen.tail.close()

    def _still_serves(self, slot: Slot) -> bool:
        """Whether what is on air answers as it should. Asked for a person who waits; a tick without news stays cheap."""
        wanted = self._manifest(slot).health
        if wanted is None or not self._attempt.followed:
            return True
        self._attempt.event("probe", "asking whether it still serves what was released")
        self.domains = None
        verdict = health.probe(replace(wanted, timeout_s=min(wanted.timeout_s, 10)), lambda: "")
        self._seen.served = verdict.served
        return not verdict.reason

    def _prepared(self, effect: plan.Effect, *, on_trial: bool) -> errors.EdgeError | None:
        """Why a release cannot be started, before anything is touched; None when it can, or nothing is to be started."""
        if isinstance(effect, plan.Swap):
            try:
                self._ready_or_prepare(effect.slot, on_trial=on_trial)
            except errors.EdgeError as error:
                return error
            except OSError as error:
                return errors.NoRoom(f"the board's file system said: {error}", hint="df -h on the board")
        return None

    def _refuse(self, before: State, seen: plan.Seen, problem: errors.EdgeError) -> NoReturn:
        """What is new was refused; what is good must be on air all the same, also after a reboot."""
        if before.good and seen.running != before.good.uuid:
            self._run(before, plan.Seen(None, seen.running))
        raise problem

    def _perform(self, effect: plan.Effect) -> plan.Event:
        self.domains = None
        match effect:
            case plan.Look():
                return self._look()
            case plan.Swap(slot) | plan.Probe(slot):
                try:
                    return self._swap(slot) if isinstance(effect, plan.Swap) else self._probe(slot)
                except OSError as error:  # a full disk in mid-swap is a reason to go back, not to stop half-way
                    return plan.Broke(f"the board's file system said: {error}")
            case plan.Clear(slot):
                self._destroy_ours([self._manifest(slot)])
                return plan.Cleared()
        raise errors.Bug(f"no way to perform {effect}")

    # --- what should run, what runs -------------------------------------------------------------------------------

    def _at_head(self) -> tuple[str | None, Manifest | None]:
        """The checked-out commit and its release; one that cannot be read is remembered and counts as none."""
        commit = self._repo.head()
        try:
            return commit, self._repo.manifest(commit, self._app) if commit else None
        except errors.EdgeError as error:
            self._unreadable = error
            return commit, None

    def _look(self) -> plan.Seen:
        _, manifest = self._at_head()
        if manifest:
            self._manifests[manifest.uuid] = manifest
        wanted = Slot(manifest.release, manifest.uuid) if manifest else None
        alive = [d.uuid for d in self._ours() if not d.dead]
        self._seen.before = self._seen.before or (alive[0] if alive else "")
        return plan.Seen(wanted, alive[0] if alive else "")

    def _ours(self) -> list[Running]:
        """Domains of this app: by UUID of a release we know, or by a VM name that one of them wants."""
        known = state.load(self._layout.state)
        slots = [slot for slot in (known.good, known.previous, known.candidate, known.failed) if slot]
        manifests = [*self._manifests.values(), *(m for slot in slots if (m := self._recorded(slot)))]
        names = {m.domain.name for m in manifests}
        uuids = {m.uuid for m in manifests} | {slot.uuid for slot in slots}
        if self.domains is None:
            self.domains = self._runtime.domains()
        return [d for d in self.domains if d.uuid not in self._others and (d.uuid in uuids or d.name in names)]

    def _recorded(self, slot: Slot) -> Manifest | None:
        try:
            return release.loads(self._layout.manifest(ReleaseId.parse(slot.release)).read_bytes())
        except OSError:
            return None

    def _manifest(self, slot: Slot) -> Manifest:
        manifest = self._manifests.get(slot.uuid) or self._recorded(slot)
        if manifest is None or manifest.uuid != slot.uuid:
            raise errors.Bug(f"the manifest of {slot.release} is gone from this board", hint="push the app again")
        return manifest

    def _slot_of(self, target: ReleaseId) -> Slot | None:
        manifest = self._recorded(Slot(target, ""))
        return Slot(target, manifest.uuid) if manifest else None

    # --- effects --------------------------------------------------------------------------------------------------

    def _ready_or_prepare(self, slot: Slot, *, on_trial: bool) -> None:
        manifest = self._manifest(slot)
        for domain in self._runtime.domains():
            if domain.name == manifest.domain.name and domain.uuid in self._others:
                raise errors.BadRepository(
                    f"the VM name {domain.name} is used by another app on this board",
                    hint="give it another one: [domain] vm in edgedeploy.toml",
                )
        if not on_trial and self._prepare.ready(manifest):
            return  # the way back: proven once, and no arithmetic may forbid it
        commit, wanted = self._at_head()
        if commit and manifest == wanted:
            self._prepare.release(manifest, commit, self._attempt, self._ours())
        elif not self._prepare.ready(manifest):
            raise errors.BadRepository(f"{slot.release} is not whole on this board any more", hint="push the app again")

    def _swap(self, slot: Slot) -> plan.Event:
        manifest = self._manifest(slot)
        returning = self._seen.down_since > 0
        self._attempt.event("return" if returning else "swap", f"starting {slot.release}", slot.release)
        if self._seen.tail:
            self._seen.console = self._seen.tail.lines()
            self._seen.tail.close()
            self._seen.tail = None
        self._seen.down_since = self._seen.down_since or time.monotonic()
        tries = 2 if returning else 1  # libxl gives devices ten seconds, which a busy dom0 may miss: not at the talk's cost
        while True:
            try:
                self._destroy_ours([manifest])
                self._runtime.create(self._layout.domain(manifest.uuid))
            except CommandFailed as error:
                tries -= 1
                if not tries:
                    return plan.Broke("; ".join([error.message, *error.details[-2:]]))
                self._attempt.event("return", f"starting {slot.release} once more: {error.message}")
            else:
                return plan.Swapped()

    def _destroy_ours(self, manifests: list[Manifest]) -> None:
        for manifest in manifests:
            self._manifests.setdefault(manifest.uuid, manifest)
        doomed, self.domains = self._ours(), None
        for domain in doomed:
            self._runtime.destroy(domain.domid)

    def _probe(self, slot: Slot) -> plan.Event:
        manifest = self._manifest(slot)
        domain = self._domain(slot)
        if domain is None:
            return plan.Broke("the guest was gone right after it was started")
        self._seen.domid = domain.domid
        self._seen.tail = self._seen.tail or ConsoleTail(
            self._runtime.console(domain.domid), Kept(self._layout.console(domain.domid))
        )
        if manifest.health is None:
            time.sleep(2.0)  # nothing to ask: a guest that dies at boot dies within this
            reason = self._dead(slot)
            verdict = health.Verdict(reason, first_answer=time.monotonic())
        else:
            self._attempt.event("probe", f"waiting for the guest to answer, {manifest.health.timeout_s} s at most")
            verdict = health.probe(manifest.health, lambda: self._dead(slot))
        if verdict.reason:
            self._seen.console = self._seen.tail.lines()
            return plan.Broke(verdict.reason)
        self._seen.served = verdict.served
        if self._seen.down_since:
            self._seen.outage_ms = round((verdict.first_answer - self._seen.down_since) * 1000)
        return plan.Answered()

    def _domain(self, slot: Slot) -> Running | None:
        return next((d for d in self._runtime.domains() if d.uuid == slot.uuid), None)

    def _dead(self, slot: Slot) -> str:
        domain = self._domain(slot)
        if domain is None:
            return "the guest is gone"
        if domain.dead:
            return "the guest crashed" if "c" in domain.state else "the guest shut itself down"
        if (
            domain.domid != self._seen.domid
        ):  # on_reboot: a Linux guest with panic=1 that dies comes back, and dies again
            return "the guest rebooted while it was on trial"
        return ""

    # --- the end --------------------------------------------------------------------------------------------------

    def _outcome(self, now: State, finish: plan.Finish) -> dict[str, object]:
        alive = next((d for d in self._ours() if not d.dead), None)
        slots = [slot for slot in (now.good, now.candidate, now.previous) if slot]
        running = next((slot for slot in slots if alive and slot.uuid == alive.uuid), None)
        subject = self._seen.tried or now.good
        return {
            "verdict": finish.verdict,
            "release": subject.release if subject else "",
            "running": running.release if running else "",
            "uuid": alive.uuid if alive else "",
            "reason": finish.reason,
            "outage_ms": self._seen.outage_ms,
            "was_on_air": bool(self._seen.before),
            "served": self._seen.served,
            "console": [] if finish.verdict in ("live", "already-live") else self._seen.console,
        }
