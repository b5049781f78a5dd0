"""edgedeploy: `edgedeploy release` by the author, `edgedeploy push` measured."""

from __future__ import annotations

from collections.abc import Sequence

from bench import slides
from bench.board import GUESTS, NAME, Board, edgedeploy
from bench.timed import Phase


class Ours:
    """The sample talk, as `edgedeploy lab talk` starts it."""

    key = "ours"
    title = "edgedeploy"
    guest = f"{GUESTS['ours']}:80"
    first = "start the program"
    phases: Sequence[Phase] = (
        Phase("prove that the release fits", r"^checking that"),
        Phase("find the board", r"^looking for the board"),
        Phase("connect, start the agent, say hello", r"^connecting to"),
        Phase("send the commits", r"^sending what"),
        Phase("take the commits in", r"^preparing the release on the board \.\.\."),
        Phase("unpack", r"^preparing.*: unpacking"),
        Phase("check on the board", r"^preparing.*: checking that"),
        Phase("`git pull`, check again", r"^swapping the guest \.\.\."),
        Phase("`xl destroy`, `xl create`", r"^swapping the guest: starting"),
        Phase("the guest boots", r"^swapping the guest: waiting for"),
    )

    def __init__(self, board: Board) -> None:
        self._board = board
        self.folder = board.folder / "decks"
        board.edgedeploy("lab", "talk", str(self.folder))

    def prepare(self, mark: str) -> None:
        """Edit, release."""
        slides.edit(self.folder / "slides", mark)
        self._board.edgedeploy("-q", "release", "--repo", str(self.folder))

    def argv(self) -> list[str]:
        """The push; -v says what is being done, which is how the time is split."""
        return edgedeploy("-v", "push", str(self.folder), "--on", NAME)
