"""Progress and notes: the small protocol the use cases talk to; rich, plain text and JSON are listeners in ui/."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Step(Protocol):
    """One piece of long work."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more units (bytes for transfers) are done. Never blocks, never raises."""

    def detail(self, text: str) -> None:
        """Replace the step's one-line detail (what is being done just now)."""


class Report(Protocol):
    """Where a use case says what it does. Implementations never raise into the caller."""

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Step]:
        """Open a step; leaving the context without an exception marks it done. `total` in the unit of advance()."""

    def note(self, text: str) -> None:
        """One line a person wants to read now."""

    def warn(self, text: str) -> None:
        """One line a person should not miss."""

    def hold(self) -> AbstractContextManager[None]:
        """Draw nothing meanwhile: a person is being asked."""


class Nobody:
    """The Report of work whose steps nobody wants to see; also the Step of each."""

    def step(self, title: str, total: int | None = None) -> AbstractContextManager[Step]:  # noqa: ARG002 - Report's, as below
        """See Report."""
        return nullcontext(self)

    def advance(self, amount: int = 1) -> None:
        """See Step."""

    def detail(self, text: str) -> None:
        """See Step."""

    def note(self, text: str) -> None:
        """See Report."""

    def warn(self, text: str) -> None:
        """See Report."""

    def hold(self) -> AbstractContextManager[None]:
        """See Report."""
        return nullcontext()


class OnlyWarnings(Nobody):
    """As Nobody, but what a person should not miss is said by `warn`."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn

    def warn(self, text: str) -> None:
        """See Report."""
        self._warn(text)


def _conforms(nobody: Nobody, warnings: OnlyWarnings) -> tuple[Report, Report]:
    """For mypy: they are Reports."""
    return nobody, warnings
