"""What somebody waits for, and the scenes in which it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Spread
from edgedeploy.core import errors


@dataclass(frozen=True, slots=True)
class Wait:
    """One row: `target` in seconds, for the median."""

    where: str
    happens: str
    until: str
    target: float

    def missed(self, seconds: Sequence[float]) -> bool:
        """Whether the median of the rounds is over the target."""
        return Spread.of(seconds).middle > self.target


@dataclass(frozen=True, slots=True)
class Scene:
    """Set up anew for each round, in an empty folder; `play` gives the seconds of its waits, in their order."""

    waits: tuple[Wait, ...]
    play: Callable[[Path], Sequence[float]]


Results = dict[Wait, list[float]]


def took(act: Callable[[], object]) -> float:
    """Seconds until `act` is done."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def told(act: Callable[[], object], fault: type[errors.EdgeError], words: str = "") -> float:
    """Seconds until `act` raises `fault` with `words` in it. Anything else is not what was to be measured."""
    began = time.monotonic()
    try:
        act()
    except fault as said:
        seconds = time.monotonic() - began
        if words not in said.message:
            raise AssertionError(f"{words!r} was waited for, and not: {said.message}") from said
        return seconds
    raise AssertionError(f"{fault.__name__} {words!r} was waited for in vain")
