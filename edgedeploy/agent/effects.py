"""Performs what plan.decide wants done: starts, asks, puts on air, and says what came of it as the next event."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from edgedeploy.agent import beside as beside_air
from edgedeploy.agent import health, plan
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.console import ConsoleTail, Kept
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.network import Network
from edgedeploy.agent.otherapps import OtherApps
from edgedeploy.agent.plan import Slot, State
from edgedeploy.agent.prepare import Prepare
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.sight import Sight
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors
from edgedeploy.core.release import UNIX, Manifest


@dataclass(slots=True)
class Learned:
    """What one deployment learns on its way."""

    outage_ms: int = 0
    down_since: float = 0.0
    before: str = ""
    tried: Slot | None = None
    domid: int = 0
    served: dict[str, str] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)
    tail: ConsoleTail | None = None
    swap: str = ""
    """blue-green or in-place, "" while nothing was swapped"""
    why_in_place: str = ""
    started: set[str] = field(default_factory=set)
    """UUIDs of what this deployment has started on air itself"""
    prepared: set[str] = field(default_factory=set)
    refusal: errors.EdgeError | None = None
    """why nothing was touched, where it was to be beside what is on air or not at all"""


def aside_name(manifest: Manifest, on_air: Slot | None) -> str:
    """What a domain is called that is not on air: Xen wants names that differ, also from that of a release of the same id."""
    twin = f".{manifest.uuid[:8]}" if on_air and on_air.release == manifest.release else ""
    return f"{manifest.domain.name}.{manifest.release}{twin}"


class Effects:
    """Of one deployment; what it learns on its way is in `learned`."""

    def __init__(
        self, layout: AppLayout, sight: Sight, runtime: Runtime, network: Network, prepare: Prepare, attempt: Attempt,
        others: OtherApps, how: str = "",
    ) -> None:  # fmt: skip
        """`how` is one of release.SWAPS, "" for what each manifest says."""
        self.learned = Learned()
        self._others = others
        self._how = how
        self.insists = True
        """whether what is to be beside the other or nowhere is refused; the way back never is"""
        self._layout = layout
        self._sight = sight
        self._runtime = runtime
        self._network = network
        self._prepare = prepare
        self._attempt = attempt

    def perform(self, effect: plan.Effect, now: State) -> plan.Event:
        """Do it; the event that followed."""
        self._sight.domains = None
        try:
            match effect:
                case plan.Look():
                    return self.look(repository=effect.repository)
                case plan.Beside(slot):
                    return self._beside(slot, now.good)
                case plan.ProbeBeside(slot):
                    return self._probe_beside(slot)
                case plan.CutOver(slot):
                    event = self._cut_over(slot)
                    # the way back is not given up for a port that cannot be moved
                    return self.swap(slot) if isinstance(event, plan.Broke) and now.phase == plan.RETURNING else event
                case plan.Swap(slot):
                    return self.swap(slot)
                case plan.Probe(slot):
                    event = self._probe(slot)
                    resumed = now.phase == plan.RETURNING and slot.uuid not in self.learned.started
                    return self.swap(slot) if isinstance(event, plan.Broke) and resumed else event
                case plan.Clear(slot):
                    self._destroy_ours(self._sight.manifest(slot))
                    return plan.Cleared()
        except OSError as error:  # a full disk in mid-swap is a reason to go back, not to stop half-way
            return plan.Broke(f"the board's file system said: {error}")
        raise errors.Bug(f"no way to perform {effect}")

    def look(self, *, repository: bool = True) -> plan.Seen:
        """See Sight.look."""
        seen = self._sight.look(repository=repository)
        self.learned.before = self.learned.before or seen.running
        return seen

    def still_serves(self, slot: Slot) -> bool:
        """Whether what is on air answers as it should. Asked for a person who waits; a tick without news stays cheap."""
        wanted = self._sight.manifest(slot).health
        if wanted is None or not self._attempt.followed:
            return True
        self._attempt.event("probe", "asking whether it still serves what was released")
        self._sight.domains = None
        verdict = health.probe(replace(wanted, timeout_s=min(wanted.timeout_s, 10)), lambda: "")
        self.learned.served = verdict.served
        return not verdict.reason

    def _beside(self, slot: Slot, good: Slot | None) -> plan.Event:
        manifest, running = self._sight.manifest(slot), self._runtime.domains()
        how, (on_air, beside) = self._how or manifest.swap.how, self._sight.sorted()
        gone = [*beside, *self._others.spare(running)]
        problem = beside_air.obstacle(manifest, how, self._network, self._runtime, gone)
        name = aside_name(manifest, good)
        if any(domain.name == name and domain not in beside for domain in running):
            problem = errors.DoesNotFit(f"there is a domain {name} that is not edgedeploy's")
        if problem:
            return self._not_beside(manifest, problem)
        self.retire(beside, stay={on_air.uuid} if on_air else ())
        self._make_room(manifest)
        self._attempt.event("standby", f"starting {slot.release} beside the release on air", slot.release)
        self._prepare.write_config(manifest)
        try:
            self._network.prepare(manifest)
        except CommandFailed as error:
            return self._not_beside(manifest, errors.DoesNotFit("; ".join([error.message, *error.details[-1:]])))
        return self._create(manifest, tries=2, name=name) or plan.Standing()

    def _make_room(self, manifest: Manifest) -> None:
        """Have other apps' predecessors give way where memory is short."""
        running = self._runtime.domains()
        if self._others.spare(running) and (missing := beside_air.missing_mb(manifest, self._runtime, ())):
            self._others.give_up(missing[0], running, self._attempt)

    def _not_beside(self, manifest: Manifest, problem: errors.EdgeError) -> plan.NotBeside:
        reason = problem.message
        if self.insists and (self._how or manifest.swap.how) == "blue-green":
            self.learned.refusal = beside_air.refusal(manifest, problem)
            return plan.NotBeside(reason, must=True)
        self.learned.why_in_place = reason
        self._attempt.event("in-place", f"not beside the release on air: {reason}")
        return plan.NotBeside(reason)

    def _create(self, manifest: Manifest, tries: int, name: str = "") -> plan.Broke | None:
        """Tried again where asked: libxl gives devices ten seconds, which a busy dom0 may miss: not at the talk's cost."""
        while True:
            try:
                if not name:
                    self._destroy_ours(manifest)
                    self._make_room(manifest)
                self._runtime.create(self._layout.domain(manifest.uuid), name)
            except CommandFailed as error:
                tries -= 1
                if not tries:
                    return plan.Broke("; ".join([error.message, *error.details[-2:]]))
                self._attempt.event("return", f"starting {manifest.release} once more: {error.message}")
                if name:
                    self.retire([], {manifest.uuid})
            else:
                return None

    def _probe_beside(self, slot: Slot) -> plan.Event:
        manifest = self._sight.manifest(slot)
        wanted = manifest.health
        if wanted is None:
            raise errors.Bug(f"{slot.release} was started beside another, and nothing can be asked of it")
        domain = self._follow(slot)
        if domain is None:
            return plan.Broke("the guest was gone right after it was started")
        self._attempt.event("probe", f"asking it where nobody else can, {wanted.timeout_s} s at most", slot.release)
        verdict = health.probe(wanted, lambda: self._dead(slot), lambda: self._network.inside(manifest.app))
        return self._judged(verdict) or plan.Answered()

    def _cut_over(self, slot: Slot) -> plan.Event:
        manifest, domain = self._sight.manifest(slot), self._follow(slot)
        if domain is None or domain.dead:
            return plan.Broke("the guest was gone before it was put on air")
        self._attempt.event("cut-over", f"putting {slot.release} on air", slot.release)
        try:
            if domain.paused:
                self._runtime.unpause(domain.domid)
            else:  # what waited has had its share since it was on air
                self._runtime.prefer(domain.domid)
            on_air = [one.domid for one in self._sight.ours() if not self._network.off_air(one.domid)]
            self._network.cut_over(manifest, domain.domid, [domid for domid in on_air if domid != domain.domid])
        except CommandFailed as error:
            return plan.Broke("; ".join([error.message, *error.details[-2:]]))
        self.learned.swap = "blue-green"
        return plan.Swapped()

    def swap(self, slot: Slot) -> plan.Event:
        """Start a release in the place of whatever runs."""
        manifest = self._sight.manifest(slot)
        returning = self.learned.down_since > 0
        self._attempt.event("return" if returning else "swap", f"starting {slot.release}", slot.release)
        self.end_tail()
        self.learned.down_since = self.learned.down_since or time.monotonic()
        self.learned.swap = "in-place"
        self.learned.started.add(slot.uuid)
        return self._create(manifest, tries=2 if returning else 1) or plan.Swapped()

    def end_tail(self) -> None:
        """Keep what the console said, and listen no more."""
        if self.learned.tail:
            self.learned.console = self.learned.tail.lines()
            self.learned.tail.close()
            self.learned.tail = None

    def _destroy_ours(self, manifest: Manifest) -> None:
        self._sight.remember(manifest)
        self.retire(self._sight.ours(), {manifest.uuid, *self._runtime.watched(self._layout.domains)})

    def retire(self, doomed: Sequence[Running], rebooting: Collection[str] = (), stay: Collection[str] = ()) -> None:
        """Destroy these, and the guests of the UUIDs `rebooting`, listed or just between two boots; never one that is to `stay`."""
        self._sight.domains = None
        uuids = {domain.uuid for domain in doomed}.union(rebooting).difference(stay)
        if doomed or uuids:
            self._runtime.end(doomed, self._layout.domains, uuids)

    def _follow(self, slot: Slot) -> Running | None:
        """A release's domain; what its console says is kept from here on."""
        domain = self._sight.domain(slot)
        if domain and domain.domid != self.learned.domid:
            self.end_tail()
            self.learned.domid = domain.domid
        if domain:
            self.learned.tail = self.learned.tail or ConsoleTail(
                self._runtime.console(domain.domid), Kept(self._layout.console(domain.domid))
            )
        return domain

    def _probe(self, slot: Slot) -> plan.Event:
        manifest = self._sight.manifest(slot)
        if self._follow(slot) is None:
            return plan.Broke("the guest was gone right after it was started")
        if manifest.health is None:
            time.sleep(2.0)  # nothing to ask: a guest that dies at boot dies within this
            reason = self._dead(slot)
            verdict = health.Verdict(reason, first_answer=time.monotonic())
        else:
            self._attempt.event("probe", f"waiting for the {manifest.domain.called} to answer, {manifest.health.timeout_s} s at most")
            verdict = health.probe(manifest.health, lambda: self._dead(slot))
        if broke := self._judged(verdict):
            return broke
        if self.learned.down_since:
            self.learned.outage_ms = round((verdict.first_answer - self.learned.down_since) * 1000)
            self.learned.down_since = 0.0
        return plan.Answered()

    def _judged(self, verdict: health.Verdict) -> plan.Broke | None:
        if verdict.reason:
            if self.learned.tail:
                self.learned.console = self.learned.tail.lines()
            return plan.Broke(verdict.reason)
        self.learned.served = verdict.served
        return None

    def _dead(self, slot: Slot) -> str:
        domain = self._sight.domain(slot)
        if domain is None:
            return "the guest is gone"
        if domain.dead:
            if self._sight.manifest(slot).domain.runtime == UNIX:
                return "the program ended in failure" if "c" in domain.state else "the program ended by itself"
            return "the guest crashed" if "c" in domain.state else "the guest shut itself down"
        if (
            domain.domid != self.learned.domid
        ):  # on_reboot: a Linux guest with panic=1 that dies comes back, and dies again
            return "the guest rebooted while it was on trial"
        return ""
