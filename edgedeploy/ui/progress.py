"""How far a step is, in words: what every listener says alike."""

from __future__ import annotations

import time

import click

from edgedeploy.core import errors
from edgedeploy.core.names import printable


def duration(seconds: float, *, whole: bool = False) -> str:
    """A time for people: 0.3 s, 41 s, 2 min 05 s; `whole` where tenths would be a lie."""
    if seconds < 10 and not whole:
        return f"{seconds:.1f} s"
    full = round(seconds)
    return f"{full} s" if full < 60 else f"{full // 60} min {full % 60:02d} s"


def size(count: int) -> str:
    """A number of bytes for people, in decimal units as networks and disks count them: 512 B, 3.8 MB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def one_line(text: str) -> str:
    """Text from anywhere as one harmless line."""
    return " ".join(printable(text, 500).split())


class Clock:
    """A step's start, its last detail and how much was advanced: what its closing line says."""

    def __init__(self, title: str, total: int | None) -> None:
        self.title = one_line(title)
        self.total = total
        self.started = time.monotonic()
        self.done = 0
        self.last_detail = ""
        self._first: tuple[float, int] | None = None

    def advance(self, amount: int) -> None:
        """Count; the first call tells what an earlier try has done, and says nothing of how fast it goes."""
        self.done += amount
        if self._first is None:
            self._first = (time.monotonic(), self.done)

    def progress(self) -> str:
        """`61.2 kB of 120.0 kB, about 7 s left`, empty where nothing can be said."""
        if not self.total or self._first is None:
            return ""
        began, before = self._first
        elapsed, moved = time.monotonic() - began, self.done - before
        said = f"{size(self.done)} of {size(self.total)}"
        if not moved or self.done >= self.total:
            return said
        return f"{said}, about {duration(max(1, round((self.total - self.done) * elapsed / moved)), whole=True)} left"

    def closing(self, problem: BaseException | None = None) -> str:
        """`title: done in 1.2 s (3.8 MB)`, or how it ended otherwise."""
        elapsed = time.monotonic() - self.started
        facts = [size(self.done)] if self.total and self.done else []
        facts += [self.last_detail] if self.last_detail else []
        extra = f" ({', '.join(facts)})" if facts else ""
        ended = "done in" if problem is None else "interrupted after" if was_interrupted(problem) else "FAILED after"
        return f"{self.title}: {ended} {duration(elapsed)}{extra}"


def was_interrupted(problem: BaseException) -> bool:
    """A person's Ctrl-C is no failure, nor is a question that Ctrl-D ended."""
    return isinstance(problem, KeyboardInterrupt | errors.Interrupted | click.Abort)
