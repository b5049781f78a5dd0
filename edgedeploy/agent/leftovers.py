"""What is left beside the guest on air when a deployment ends: a predecessor that waits for the way back, and nothing else."""

from __future__ import annotations

import contextlib

from edgedeploy.agent import kept, plan
from edgedeploy.agent.effects import Effects, aside_name
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.network import Network
from edgedeploy.agent.plan import Slot, State
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.sight import Sight
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core.names import AppName


class Leftovers:
    """Of one app."""

    def __init__(
        self, app: AppName, layout: AppLayout, sight: Sight, runtime: Runtime, network: Network, later: kept.After
    ) -> None:
        self._app = app
        self._layout = layout
        self._sight = sight
        self._runtime = runtime
        self._network = network
        self._later = later

    def tidy(self, now: State, effects: Effects) -> None:
        """Leave one domain of the app, but for a predecessor that is kept; after a kill as after any other end.

        What cannot be tidied spoils nothing: the next run tries again.
        """
        on_air, others = self._sight.sorted()
        way_back = now.previous if on_air and now.phase == plan.STEADY else None
        doomed, stay = [], {on_air.uuid} if on_air else set()
        for domain in others:
            if way_back and domain.uuid == way_back.uuid and not domain.dead and self._keeps(domain, way_back, now):
                stay.add(domain.uuid)
            elif on_air or not domain.dead:  # what died with nothing to take its place is evidence
                doomed.append(domain)
            else:
                stay.add(domain.uuid)
        with contextlib.suppress(CommandFailed):
            # a release that failed may be between two boots just now, and would come back on the real bridge; so may the good
            # one, which is to come back
            stay |= {now.good.uuid} if now.good else set()
            rebooting = self._runtime.watched(self._layout.domains) if now.phase == plan.STEADY else set()
            effects.retire(doomed, rebooting, stay)
            slots = [slot.uuid for slot in (now.good, now.previous, effects.learned.tried) if slot]
            self._network.clear(self._app, slots)
            if on_air and now.good and on_air.uuid == now.good.uuid:
                self._call(on_air, self._sight.manifest(now.good).domain.name)

    def _keeps(self, domain: Running, slot: Slot, now: State) -> bool:
        """Whether a predecessor stays: paused just now, or still within its time, which what is on air decides about."""
        if domain.paused:
            return kept.is_kept(self._layout, domain.uuid)
        minutes = self._sight.manifest(now.good).swap.keep_previous_min if now.good else 0
        if not minutes:
            return False
        try:
            self._network.take_off(domain.domid)
            self._runtime.pause(domain.domid)
            self._call(domain, aside_name(self._sight.manifest(slot), now.good))
            kept.keep(self._layout, self._app, domain.uuid, self._later, minutes * 60.0)
        except (CommandFailed, OSError):
            return False
        self._sight.domains = None
        return True

    def _call(self, domain: Running, name: str) -> None:
        if domain.name != name:
            self._runtime.rename(domain.domid, name)
            self._sight.domains = None
