"""The listeners for a log, CI or a pipe: plain lines, or with -q nearly nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TextIO

from edgedeploy.ports.report import Report, Step
from edgedeploy.ui.progress import Clock, one_line

NEWS = 5.0
"""seconds between two lines that say how far a long step is, where nothing can be redrawn"""


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
        except BaseException as problem:
            self.write(clock.closing(problem))
            raise
        self.write(clock.closing())

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


def _conforms(plain: PlainReport, quiet: QuietReport) -> tuple[Report, ...]:
    """For mypy: both are Reports."""
    return plain, quiet
