"""What of a guest's console says why it failed: its own words first; what the kernel chatters is for -v."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edgedeploy.core.names import printable

OWN = 3
"""lines of the guest's own that are shown"""
_KERNEL = re.compile(r"\s*(<\d>)?\[\s*\d+\.\d+\]")
"""printk's time (kernel/printk/printk.c: print_time), with its level where that is shown"""
HARMLESS = re.compile(r"/cpus/cpu@\d+ missing clock-frequency property")
"""what every 32-bit kernel says under Xen, whose device tree has no clock for a CPU (arch/arm/kernel/topology.c)"""
_REASON = re.compile(r"\] *(Kernel panic|Unable to|Out of memory|Internal error|VFS: Cannot)")


def split(console: Iterable[object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that say why, and all others, each beginning with "guest: ".

    The guest's own last lines; where it said none, why its kernel gave up, and failing that its very last words.
    """
    lines = [f"guest: {printable(str(line), 300)}" for line in console if not HARMLESS.search(str(line))]
    own = [line for line in lines if not _KERNEL.match(line.removeprefix("guest: "))]
    why = own[-OWN:] or [line for line in lines if _REASON.search(line)][:1] or lines[-OWN:]
    return tuple(why), tuple(line for line in lines if line not in why)
