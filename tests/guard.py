"""The only clock of the tests: a guard against hanging. Nothing is decided by how quick a machine was.

A test waits for an event, with `until` or a `Guard`; the seconds are ten times what is needed on a quiet machine, and
when they are over the test fails by the name of what did not happen. Speed is for `bench/`. tests/clocks.py refuses
every other look at a clock, by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
USUAL_S = 60.0


class Guard:
    """So many seconds for `what`; for loops that wait by other means than `until` (select, a queue, a socket)."""

    def __init__(self, what: str, seconds: float = USUAL_S) -> None:
        self.what = what
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds for the next wait; fails the test when none are left."""
        left = self._ends - time.monotonic()
        assert left > 0, f"waited {self.seconds:.0f} s in vain: {self.what}"
        return left

    def turn(self, pause: float = 0.02) -> None:
        """Let the others run before the next look; fails the test when the time is over."""
        time.sleep(min(pause, self.left))


def until(
    condition: Callable[[], T], what: str | Callable[[], str], seconds: float = USUAL_S, pause: float = 0.02
) -> T:
    """Ask until the answer is true, and return it. `what` says what was waited for (in words, or how to find out)."""
    guard = Guard("", seconds)
    while not (answer := condition()):
        try:
            guard.turn(pause)
        except AssertionError:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {seconds:.0f} s in vain: {said}") from None
    return answer


def let_pass(seconds: float, why: str) -> None:
    """Real time that has to go by, because a peer that is not ours counts it. `why` names who and which rule."""
    assert why
    time.sleep(seconds)
