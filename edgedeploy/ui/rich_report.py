"""The listener for a terminal: bars and spinners while steps run. The only user of rich's live display."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Literal, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from edgedeploy.ports.report import Report, Step
from edgedeploy.ui.progress import Clock, one_line, was_interrupted

_WIDE = 90
"""columns of a terminal that has room for a bar, estimates and what is being done"""


def colours() -> Literal["auto"] | None:
    """rich's color_system. With NO_COLOR rich would still draw some things bold and dim, which is unreadable on a projector."""
    return None if os.environ.get("NO_COLOR") else "auto"


class _OnlyWithTotal(ProgressColumn):
    """Shows a column for steps that count bytes (`total`), or for those that only spin."""

    def __init__(self, inner: ProgressColumn, *, total: bool = True) -> None:
        super().__init__()
        self._inner = inner
        self._total = total

    def render(self, task: Task) -> Text:
        shown = (task.total is not None) is self._total
        return self._inner.render(task) if shown else Text()  # type: ignore[return-value]  # any renderable


class _Detail(ProgressColumn):
    """What is being done: one line, which ends where the terminal does. Wrapped, it would make the lines below it jump."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["detail"], style="dim", no_wrap=True, overflow="ellipsis")


class _RichStep:
    def __init__(self, clock: Clock, progress: Progress, task: TaskID) -> None:
        self._clock = clock
        self._progress = progress
        self._task = task

    def advance(self, amount: int = 1) -> None:
        self._clock.advance(amount)
        with contextlib.suppress(OSError, ValueError):
            self._progress.advance(self._task, amount)

    def detail(self, text: str) -> None:
        self._clock.last_detail = one_line(text)
        with contextlib.suppress(OSError, ValueError):
            self._progress.update(self._task, detail=self._clock.last_detail)


class _Console(Console):
    """rich's console ends the program when the terminal is gone; ours falls silent and the work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class RichReport:
    """Bars and spinners while steps run, one line for each that ended. For a terminal."""

    def __init__(self, stream: TextIO, *, console: Console | None = None) -> None:
        self._console = console or _Console(file=stream, highlight=False, color_system=colours())
        self._progress: Progress | None = None
        self._open = 0

    def _print(self, mark: str, style: str, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            # Text, not markup: a board may call itself "[red]"
            line = Text.assemble((mark, style), " ", one_line(text)) if mark else Text(one_line(text))
            self._console.print(line, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """See ports.report.Report."""
        clock = Clock(title, total)
        progress = self._live()
        task = progress.add_task(clock.title, total=total, detail="")
        self._open += 1
        problem: BaseException | None = None
        try:
            yield _RichStep(clock, progress, task)
        except BaseException as error:
            problem = error
            raise
        finally:
            with contextlib.suppress(OSError, ValueError, KeyError):
                progress.remove_task(task)
            self._open -= 1
            if self._open == 0:
                with contextlib.suppress(OSError, ValueError):
                    progress.stop()
                self._progress = None
            mark, style = self._mark(problem)
            self._print(mark, style, clock.closing(problem))

    def _live(self) -> Progress:
        if self._progress is None:
            detail = _Detail()
            wide = self._console.width >= _WIDE
            counts: list[ProgressColumn] = [DownloadColumn()]
            if wide:
                counts = [BarColumn(bar_width=30), *counts, TransferSpeedColumn(), TimeRemainingColumn()]
            self._progress = Progress(
                SpinnerColumn("dots" if self._unicode else "line"),
                TextColumn("{task.description}", markup=False),
                *map(_OnlyWithTotal, counts),
                TimeElapsedColumn(),
                detail if wide else _OnlyWithTotal(detail, total=False),
                console=self._console,
                transient=True,
            )
            with contextlib.suppress(OSError, ValueError):
                self._progress.start()
        return self._progress

    @property
    def _unicode(self) -> bool:
        return self._console.encoding.lower().startswith("utf")

    def _mark(self, problem: BaseException | None) -> tuple[str, str]:
        if problem and was_interrupted(problem):
            return ("-", "yellow")
        if problem:
            return ("✗" if self._unicode else "x", "bold red")
        return ("✓" if self._unicode else "+", "green")

    def note(self, text: str) -> None:
        """See ports.report.Report."""
        self._print("", "", text)

    def warn(self, text: str) -> None:
        """See ports.report.Report."""
        self._print("warning:", "yellow", text)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """See ports.report.Report."""
        drawn = self._progress
        if drawn:
            with contextlib.suppress(OSError, ValueError):
                drawn.stop()
        try:
            yield
        finally:
            if drawn and drawn is self._progress:
                with contextlib.suppress(OSError, ValueError):
                    drawn.start()


def _conforms(rich: RichReport) -> Report:
    """For mypy: it is a Report."""
    return rich
