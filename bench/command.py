"""Runs one command to its end and tells what it cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A process of its own, small: what a new process is said to have used at most includes what its parent used.
_LAUNCHER = """
import json, os, sys, time
null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
status, used = os.wait4(child, 0)[1:]
wall = time.perf_counter() - start
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds by the clock and on a processor, megabytes of memory at most, exit status."""

    wall: float
    cpu: float
    memory: float
    status: int


def run(argv: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run `argv` (its first word is a path) with nothing to read and nobody to read it."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *argv]
    said = subprocess.run(launcher, env=environment, capture_output=True, text=True, check=True).stdout
    return Run(*json.loads(said))
