"""Decides whether a program can run on a board as a process: every reason why not. As core/fit.py for guests; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgedeploy.core import executable, fit
from edgedeploy.core.board import BoardFacts, Misfit, Profile
from edgedeploy.core.executable import Executable, Host
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.release import XEN

_MACHINES = {"armv6": "armv6l", "armv7": "armv7l", "armv8": "aarch64"}


def check(
    program: Executable, domain: DomainNeeds, profile: Profile, live: BoardFacts | None = None,
    *, page_size: int = 0, there: Callable[[str], bool] | None = None,
) -> tuple[Misfit, ...]:  # fmt: skip
    """Every reason; empty means that it fits. `page_size` in bytes and `there` (executable.Host) are known on the board alone."""
    if lacking := fit.offered(domain, profile, live):
        return (lacking,)
    facts = live or BoardFacts()
    machine = facts.machine or (_MACHINES[profile.cpu.level] if profile.compatible else "")
    found = executable.misfits(program, Host(machine, page_size, there))
    # from afar it is the hypervisor's memory that is known of such a board, and that is not for programs
    return (*found, *_memory(domain, facts)) if there or XEN not in (facts.runtimes or ()) else found


def _memory(domain: DomainNeeds, live: BoardFacts) -> Iterator[Misfit]:
    free = live.free_memory_mb
    if free is not None and domain.memory_mb > free:
        hint = f"Set memory = {free} or less, or stop something else there"
        yield Misfit("host-memory", "board memory", f"{domain.memory_mb} MB", f"{free} MB free", hint)
