"""One round of one way: change what is served, watch from outside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from bench import audience, slides, timed
from bench.board import Board
from bench.figures import Sample
from bench.prober import Prober
from edgedeploy.core import errors

LIVE_WITHIN = 180.0
"""seconds that the new content has after its command has ended"""
SETTLE = 2.0
AFTER = 3.0
"""for so long the audience goes on asking when all is done"""


class Way(Protocol):
    """A way to get a changed slide on air."""

    key: str
    title: str
    guest: str
    """where its guest serves on the board's network: "10.0.2.20:80\""""
    first: str
    """what its command does before it says anything"""
    phases: Sequence[timed.Phase]

    def prepare(self, mark: str) -> None:
        """Put `mark` into a slide and do all that the author does before anything is asked of the board."""

    def argv(self) -> list[str]:
        """The command whose start is the start of the measurement."""


def deploy(way: Way, board: Board, number: int) -> Sample:
    """Deploy the `number`th change. Number 0 has nothing to replace: its outage means nothing."""
    old, new = slides.mark(way.key, number - 1), slides.mark(way.key, number)
    way.prepare(new)
    return watched(way, board, old if number else new, new, way.argv())


def watched(way: Way, board: Board, old: str, new: str, argv: Sequence[str], expected: int = 0) -> Sample:
    """Run a command that leads from one content to another, or, where both are one, is to change nothing.

    `expected` is its exit status. Raises errors.BoardFault when either content is not served.
    """
    stays = old == new and expected != 0
    time.sleep(SETTLE)
    with Prober(board.url(way.guest), old, "" if stays else new) as prober:
        if (stays or old != new) and not prober.saw("old", 30.0):
            raise errors.BoardFault(f"{way.title}: what the round before deployed is not served any more")
        run = timed.run(argv, expected)
        if not prober.saw("old" if stays else "new", LIVE_WITHIN):
            raise errors.BoardFault(
                f"{way.title}: the new content is not served {LIVE_WITHIN:.0f} s after the command has ended",
                details=tuple(line for _, line in run.lines[-12:]),
            )
        time.sleep(AFTER)
        until = time.monotonic()
    seen = audience.seen(prober.asked, run.started, until)
    live = seen.first_new or run.ended
    return Sample(live - run.started, run.ended - run.started, run.split(way.first, way.phases, live), seen)
