"""What starts releases on this board: guests of Xen, programs, or both side by side; and the network that each of them has.

Whose a running one is says its number: those of programs begin where Xen's end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from pathlib import Path

from edgedeploy.agent.layout import Layout
from edgedeploy.agent.network import Bridges, Network
from edgedeploy.agent.xen import Running, Runtime, Xl
from edgedeploy.core.names import AppName
from edgedeploy.core.release import UNIX, XEN, Manifest

FIRST_PROGRAM = 1 << 20
"""Xen's domains are numbered below 0x7FF0 (public/xen.h: DOMID_FIRST_RESERVED)"""


def of(layout: Layout, names: Sequence[str]) -> tuple[Runtime, Network]:
    """For a board whose agent.toml names these of core.release.RUNTIMES."""
    if tuple(names) == (XEN,):
        return Xl(), Bridges()
    from edgedeploy.agent.hostnet import HostNetwork  # noqa: PLC0415 - a board of Xen alone need not pay for these
    from edgedeploy.agent.processes import Processes  # noqa: PLC0415

    # a board in a folder is somebody's own, whose files another user would not see
    programs = Processes(layout.processes, first=FIRST_PROGRAM, own_users=layout.root == Path("/"))
    if XEN not in names:
        return programs, HostNetwork()
    return Both(Xl(), programs), BothNetworks(Bridges(), HostNetwork())


class Both:
    """Runtime of guests and of programs."""

    names = (XEN, UNIX)

    def __init__(self, guests: Runtime, programs: Runtime) -> None:
        self._guests, self._programs = guests, programs

    def _of(self, domid: int) -> Runtime:
        return self._programs if domid >= FIRST_PROGRAM else self._guests

    def _by(self, config: Path) -> Runtime:
        """A program's configuration is JSON, a guest's is not."""
        with contextlib.suppress(OSError):
            if config.read_bytes()[:1] == b"{":
                return self._programs
        return self._guests

    def configuration(self, manifest: Manifest, kernel: Path, ramdisk: Path | None, script: str) -> bytes:
        """Of the manifest's own runtime."""
        which = self._programs if manifest.domain.runtime == UNIX else self._guests
        return which.configuration(manifest, kernel, ramdisk, script)

    def domains(self) -> list[Running]:
        """All of both."""
        return [*self._guests.domains(), *self._programs.domains()]

    def validate(self, config: Path) -> None:
        """As whoever would start it."""
        self._by(config).validate(config)

    def create(self, config: Path, name: str = "") -> None:
        """As above."""
        self._by(config).create(config, name)

    def prefer(self, domid: int) -> None:
        """As whoever runs it; so do those that follow."""
        self._of(domid).prefer(domid)

    def pause(self, domid: int) -> None:
        """See Runtime."""
        self._of(domid).pause(domid)

    def unpause(self, domid: int) -> None:
        """See Runtime."""
        self._of(domid).unpause(domid)

    def rename(self, domid: int, name: str) -> None:
        """See Runtime."""
        self._of(domid).rename(domid, name)

    def end(self, doomed: Sequence[Running], folder: Path, uuids: Collection[str]) -> None:
        """Both: which of them starts what is named by its UUID alone is not known."""
        for which in (self._guests, self._programs):
            which.end([one for one in doomed if self._of(one.domid) is which], folder, uuids)

    def watched(self, folder: Path) -> set[str]:
        """Of both."""
        return self._guests.watched(folder) | self._programs.watched(folder)

    def console(self, domid: int) -> Path | None:
        """See Runtime."""
        return self._of(domid).console(domid)

    def macs(self, domid: int) -> set[str]:
        """See Runtime."""
        return self._of(domid).macs(domid)

    def info(self) -> dict[str, str]:
        """The hypervisor's: what it has free is for guests (what programs can have: facts.available_mb)."""
        return self._guests.info()


class BothNetworks:
    """Network of guests and of programs."""

    def __init__(self, guests: Network, programs: Network) -> None:
        self._guests, self._programs = guests, programs
        self.script = guests.script

    def _of(self, domid: int) -> Network:
        return self._programs if domid >= FIRST_PROGRAM else self._guests

    def _for(self, manifest: Manifest) -> Network:
        return self._programs if manifest.domain.runtime == UNIX else self._guests

    def off_air(self, domid: int) -> bool:
        """See Network."""
        return self._of(domid).off_air(domid)

    def obstacle(self, manifest: Manifest) -> str:
        """See Network."""
        return self._for(manifest).obstacle(manifest)

    def prepare(self, manifest: Manifest) -> None:
        """See Network."""
        self._for(manifest).prepare(manifest)

    def inside(self, app: AppName) -> contextlib.AbstractContextManager[None]:
        """Only guests are ever beside others."""
        return self._guests.inside(app)

    def cut_over(self, manifest: Manifest, domid: int, old: Sequence[int]) -> None:
        """See Network. A program that was before has no port that could be moved: it ends when it is retired."""
        self._for(manifest).cut_over(manifest, domid, [one for one in old if one < FIRST_PROGRAM])

    def take_off(self, domid: int) -> None:
        """See Network."""
        self._of(domid).take_off(domid)

    def clear(self, app: AppName, uuids: Sequence[str]) -> None:
        """Only for guests is there anything."""
        self._guests.clear(app, uuids)
