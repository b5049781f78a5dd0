"""The Xen runtime: the only place that says `xl`.

A runtime starts and stops releases; what should run, and whether it is healthy, is decided elsewhere. Times in seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgedeploy.agent import watchers
from edgedeploy.agent.run import CommandFailed, ahead, run
from edgedeploy.core.release import XEN, Manifest

_XL_TIMEOUT = 180.0  # xl create on a loaded board under emulation was seen to need 14 s; a hang must end all the same


@dataclass(frozen=True, slots=True)
class Running:
    """A domain as the hypervisor tells it. `dead` : it has crashed or shut down and is only preserved."""

    name: str
    uuid: str
    domid: int
    memory_mb: int
    dead: bool
    state: str

    @property
    def paused(self) -> bool:
        """Its CPUs were stopped by a person, or by us."""
        return "p" in self.state


class Runtime(Protocol):
    """Starts and stops releases. Every method raises CommandFailed when the runtime says no."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those of core.release.RUNTIMES that it is."""

    def configuration(self, manifest: Manifest, kernel: Path, ramdisk: Path | None, script: str) -> bytes:
        """The file by which `create` starts a release whose artefacts lie unpacked at these places; `script` as Network has it."""

    def domains(self) -> list[Running]:
        """All guests, ours or not; dom0 is not among them."""

    def validate(self, config: Path) -> None:
        """Raise when the runtime would not even read this configuration."""

    def create(self, config: Path, name: str = "") -> None:
        """Start a guest; returns when it is accepted. One that is given another `name` than its configuration's stands beside
        the one on air, and has less of the processors until `prefer`."""

    def prefer(self, domid: int) -> None:
        """Give a guest its share of the processors: it is on air now."""

    def pause(self, domid: int) -> None:
        """Stop a guest's CPUs; its memory stays as it is."""

    def unpause(self, domid: int) -> None:
        """Let a paused guest go on."""

    def rename(self, domid: int, name: str) -> None:
        """Call a guest otherwise; two may not have the same name."""

    def end(self, doomed: Sequence[Running], folder: Path, uuids: Collection[str]) -> None:
        """Remove guests, dead or alive, and whatever else runs by the configurations FOLDER/UUID.cfg; returns when all are
        gone and nobody starts them anew. Removing what is gone is no error."""

    def watched(self, folder: Path) -> set[str]:
        """The UUIDs of those whose guests would be started anew if they ended by themselves: one may be doing so just now."""

    def console(self, domid: int) -> Path | None:
        """The terminal on which the guest's console can be read, None when there is none."""

    def macs(self, domid: int) -> set[str]:
        """The hardware addresses of a guest's network cards, in lower case; none where nothing is known."""

    def info(self) -> dict[str, str]:
        """What the runtime says of the machine."""


_USUAL, _ASIDE = 256, 64
"""shares of the processors (xl.cfg(5), cpu_weight): a guest that boots takes all it gets, from the one that is on air too"""
_LIST, _INFO = ["xl", "list", "-v"], ["xl", "info"]


def ask_ahead() -> None:
    """Have `xl` begin with the answers that a hello needs."""
    ahead(_LIST, _INFO)


class Xl:
    """Runtime by the `xl` toolstack."""

    names = (XEN,)

    def configuration(self, manifest: Manifest, kernel: Path, ramdisk: Path | None, script: str) -> bytes:
        """See core/xlconf.py."""
        from edgedeploy.core import xlconf  # noqa: PLC0415 - a hello starts nothing

        return xlconf.render(manifest, kernel, ramdisk, script).encode()

    def domains(self) -> list[Running]:
        """Parse `xl list -v`."""
        return parse_list(run(_LIST, timeout=_XL_TIMEOUT))

    def validate(self, config: Path) -> None:
        """`xl create --dryrun`: reads the configuration only, never the kernel (facts: artefacts A7)."""
        run(["xl", "create", "--dryrun", str(config)], timeout=_XL_TIMEOUT)

    def create(self, config: Path, name: str = "") -> None:
        """`xl create`; what follows the file's name is added to what stands in it."""
        aside = [f'name="{name}"', f"cpu_weight={_ASIDE}"] if name else []
        run(["xl", "create", "--quiet", str(config), *aside], timeout=_XL_TIMEOUT)

    def prefer(self, domid: int) -> None:
        """`xl sched-credit2`; where another scheduler is at work there are no shares."""
        with contextlib.suppress(CommandFailed):
            run(["xl", "sched-credit2", "-d", str(domid), "-w", str(_USUAL)], timeout=_XL_TIMEOUT)

    def pause(self, domid: int) -> None:
        """`xl pause`."""
        run(["xl", "pause", str(domid)], timeout=_XL_TIMEOUT)

    def unpause(self, domid: int) -> None:
        """`xl unpause`."""
        run(["xl", "unpause", str(domid)], timeout=_XL_TIMEOUT)

    def rename(self, domid: int, name: str) -> None:
        """`xl rename`."""
        run(["xl", "rename", str(domid), name], timeout=_XL_TIMEOUT)

    def end(self, doomed: Sequence[Running], folder: Path, uuids: Collection[str]) -> None:
        """`xl destroy`, then wait until the hypervisor no longer lists them: their memory is needed."""
        watchers.end(folder, uuids)
        left, refused = list(doomed), dict[int, CommandFailed | None]()
        until = time.monotonic() + 30
        while True:
            for domid in [domain.domid for domain in left if domain.domid not in refused]:
                refused[domid] = self._destroy(domid)
            left = [domain for domain in self.domains() if domain.domid in refused or domain.uuid in uuids]
            for problem in (refused.get(domain.domid) for domain in left):
                if problem:
                    raise problem
            if not left:
                return
            if time.monotonic() > until:
                raise CommandFailed(["xl", "destroy", str(left[0].domid)], "left a zombie domain behind", "")
            time.sleep(0.2)

    def _destroy(self, domid: int) -> CommandFailed | None:
        try:
            run(["xl", "destroy", str(domid)], timeout=_XL_TIMEOUT)
        except CommandFailed as error:
            return error  # which counts only where the domain is still there
        return None

    def watched(self, folder: Path) -> set[str]:
        """By what `xl create` left in the background."""
        return set(watchers.of(folder).values())

    def console(self, domid: int) -> Path | None:
        """The pty that xenconsoled made (XenStore: /local/domain/<domid>/console/tty)."""
        try:
            tty = run(["xenstore-read", f"/local/domain/{domid}/console/tty"], timeout=10).strip()
        except CommandFailed:
            return None
        return Path(tty) if tty.startswith("/dev/pts/") and os.path.exists(tty) else None

    def macs(self, domid: int) -> set[str]:
        """As dom0's half of the cards has them (XenStore: backend/vif/<domid>/<number>/mac)."""
        try:
            said = run(["xenstore-ls", f"/local/domain/0/backend/vif/{domid}"], timeout=10)
        except CommandFailed:
            return set()
        return {mac.lower() for mac in re.findall(r'^ *mac = "([0-9a-fA-F:]+)"', said, re.MULTILINE)}

    def info(self) -> dict[str, str]:
        """`xl info` as a dictionary."""
        pairs = (line.partition(":")[::2] for line in run(_INFO, timeout=_XL_TIMEOUT).splitlines())
        return {key.strip(): value.strip() for key, value in pairs}


def parse_list(text: str) -> list[Running]:
    """Guests of `xl list -v`: Name ID Mem VCPUs State Time(s) UUID Reason-Code Security-Label.

    A domain whose name is already gone is listed as (null); state letters are rbpscd (xl(1), "list").
    """
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 7 or not words[1].isdigit() or words[1] == "0":
            continue
        state = words[4]
        found.append(Running(words[0], words[6], int(words[1]), int(words[2]), any(c in state for c in "scd"), state))
    return found
