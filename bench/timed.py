"""Runs a command and notes when it said what: from that comes where the time went."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edgedeploy.core import errors

LONGEST = 600.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a run that begins with the first line that matches."""

    title: str
    begins: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command that has ended. Times are time.monotonic()."""

    started: float
    ended: float
    lines: tuple[tuple[float, str], ...]

    def split(self, first: str, phases: Sequence[Phase], until: float) -> dict[str, float]:
        """Seconds per phase up to `until`; `first` is what is done before the first line."""
        starts, left = [(first, self.started)], list(phases)
        for at, line in self.lines:
            while (
                index := next((i for i, phase in enumerate(left) if re.search(phase.begins, line)), None)
            ) is not None:
                starts.append((left[index].title, at))
                left = left[index + 1 :]
        ends = [at for _, at in starts[1:]] + [until]
        spans = zip(starts, ends, strict=True)
        return {title: max(0.0, min(end, until) - min(start, until)) for (title, start), end in spans}


def run(argv: Sequence[str], expected: int = 0) -> Run:
    """Run to the end. Raises errors.BoardFault when it ends with another status than expected, or not at all."""
    lines: list[tuple[float, str]] = []
    started = time.monotonic()
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    watchdog = threading.Timer(LONGEST, process.kill)
    watchdog.start()
    try:
        assert process.stdout
        for line in process.stdout:
            lines.append((time.monotonic(), line.rstrip()))
        status = process.wait()
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    ended = time.monotonic()
    if status != expected:
        raise errors.BoardFault(
            f"`{argv[0]} … {argv[-1]}` ended with status {status} after {ended - started:.0f} s",
            details=tuple(line for _, line in lines[-12:]),
        )
    return Run(started, ended, tuple(lines))
