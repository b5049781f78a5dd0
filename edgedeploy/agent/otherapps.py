"""The board's other apps, as one app's deployment meets them: their guests are not its business, but for what only waits."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from edgedeploy.agent import state
from edgedeploy.agent.attempt import Attempt
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.network import Network
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running, Runtime
from edgedeploy.core import errors, files
from edgedeploy.core.names import AppName


class OtherApps:
    """All but the one that is deployed. `uuids` are those of their domains: never touched, whatever they are called."""

    def __init__(self, layouts: Mapping[AppName, AppLayout], runtime: Runtime, network: Network) -> None:
        self._layouts = layouts
        self._runtime = runtime
        self._network = network
        self._waiting: dict[str, AppName] = {}
        """UUID of a predecessor -> its app"""
        uuids = set()
        for name, layout in layouts.items():
            with contextlib.suppress(errors.EdgeError):
                now = state.load(layout.state)
                uuids |= {slot.uuid for slot in (now.good, now.previous, now.candidate) if slot}
                if now.previous:
                    self._waiting[now.previous.uuid] = name
        self.uuids = frozenset(uuids)

    def spare(self, running: Sequence[Running]) -> list[Running]:
        """Predecessors that wait, paused, for a way back without a boot: theirs is memory that may be wanted."""
        return [d for d in running if d.paused and d.uuid in self._waiting and self._network.off_air(d.domid)]

    def give_up(self, megabytes: int, running: Sequence[Running], attempt: Attempt) -> None:
        """End as many of them as have so much memory together. One whose app is being deployed this very moment stays."""
        for domain in self.spare(running):
            if megabytes <= 0:
                return
            app = self._waiting[domain.uuid]
            with (
                contextlib.suppress(files.Busy, CommandFailed),
                files.locked(self._layouts[app].swap_lock, "another app", wait=False),
            ):
                if domain in self.spare(self._runtime.domains()):
                    attempt.event(
                        "room", f"ending {domain.name}, which waited for {app}'s way back: its memory is wanted"
                    )
                    self._runtime.end([domain], self._layouts[app].domains, {domain.uuid})
                    megabytes -= domain.memory_mb
