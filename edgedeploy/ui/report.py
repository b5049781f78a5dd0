"""Listeners for ports.report.Report: plain lines in a log, nearly nothing, or (rich_report.py) live bars.

All of them write to stderr, because stdout belongs to the command's result, and none of them ever raises into
the use case: a terminal that went away must not stop a deployment.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from edgedeploy.core.names import printable
from edgedeploy.ports.report import Report, Step

NEWS = 5.0
"""seconds between two lines that say how far a long step is, where nothing can be redrawn"""


def for_terminal(verbosity: int = 0, stream: TextIO | None = None) -> Report:
    """The listener that suits `stream` (stderr) and the -v/-q count."""
    stream = stream or sys.stderr
    if verbosity < 0:
        return QuietReport(stream, warnings=verbosity == -1)
    live = stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM", "dumb") != "dumb"
    if not live:
        return PlainReport(stream, verbosity)
    from edgedeploy.ui.rich_report import RichReport  # noqa: PLC0415 - only a terminal pays for rich's import

    return RichReport(stream)


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

    def closing(self, *, failed: bool) -> str:
        """`title: done in 1.2 s (3.8 MB)`."""
        elapsed = time.monotonic() - self.started
        facts = [size(self.done)] if self.total and self.done else []
        facts += [self.last_detail] if self.last_detail else []
        extra = f" ({', '.join(facts)})" if facts else ""
        return f"{self.title}: {'FAILED after' if failed else 'done in'} {duration(elapsed)}{extra}"


class _PlainStep:
    def __init__(self, clock: Clock, report: PlainReport) -> None:
        self._clock = clock
        self._report = report
        self._said_at = time.monotonic()

    def advance(self, amount: int = 1) -> None:
        self._clock.advance(amount)
        if time.monotonic() - self._said_at >= NEWS and (progress := self._clock.progress()):
            self._said_at = time.monotonic()
            self._report.progress(f"{self._clock.title}: {progress}")

    def detail(self, text: str) -> None:
        self._clock.last_detail = one_line(text)
        if self._report.verbosity > 0:
            self._report.write(f"{self._clock.title}: {self._clock.last_detail}")


class PlainReport:
    """One line per finished step, for logs, CI and pipes: no control characters, nothing rewritten."""

    def __init__(self, stream: TextIO, verbosity: int = 0) -> None:
        self._stream = stream
        self.verbosity = verbosity

    def progress(self, line: str) -> None:
        """How far a long step is."""
        self.write(line)

    def write(self, line: str) -> None:
        """One line, out at once."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(one_line(line) + "\n")
            self._stream.flush()

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """See ports.report.Report."""
        clock = Clock(title, total)
        if self.verbosity > 0:
            self.write(f"{clock.title} ...")
        try:
            yield _PlainStep(clock, self)
        except BaseException:
            self.write(clock.closing(failed=True))
            raise
        self.write(clock.closing(failed=False))

    def note(self, text: str) -> None:
        """See ports.report.Report."""
        self.write(text)

    def warn(self, text: str) -> None:
        """See ports.report.Report."""
        self.write(f"warning: {text}")

    def hold(self) -> contextlib.AbstractContextManager[None]:
        """See ports.report.Report."""
        return contextlib.nullcontext()


class QuietReport(PlainReport):
    """-q: warnings only; -qq: nothing. The command's result and its errors are not this class's business."""

    def __init__(self, stream: TextIO, *, warnings: bool = True) -> None:
        super().__init__(stream)
        self._warnings = warnings

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """See ports.report.Report."""
        yield _PlainStep(Clock(title, total), self)

    def progress(self, line: str) -> None:
        """Not with -q."""

    def note(self, text: str) -> None:
        """See ports.report.Report."""

    def warn(self, text: str) -> None:
        """See ports.report.Report."""
        if self._warnings:
            super().warn(text)
