"""One round of one way: change a slide, deploy it, watch from outside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from bench import slides, timed
from bench.board import Board
from bench.figures import Sample
from bench.prober import Prober
from edgedeploy.core import errors

LIVE_WITHIN = 180.0
"""seconds that the new content has after its command has ended"""
SETTLE = 2.0


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
    time.sleep(SETTLE)
    with Prober(board.url(way.guest), old, new) as prober:
        if number and not prober.await_old(30.0):
            raise errors.BoardFault(f"{way.title}: what the round before deployed is not served any more")
        run = timed.run(way.argv())
        if not prober.await_new(LIVE_WITHIN):
            raise errors.BoardFault(
                f"{way.title}: the new content is not served {LIVE_WITHIN:.0f} s after the command has ended",
                details=tuple(line for _, line in run.lines[-12:]),
            )
    return Sample(
        live=prober.first_new - run.started,
        outage=prober.first_new - prober.last_old,
        command=run.ended - run.started,
        steps=run.split(way.first, way.phases, prober.first_new),
    )
