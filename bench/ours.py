"""edgedeploy: `edgedeploy release` by the author; measured are `edgedeploy push`, beside or in place, and `rollback`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench import slides
from bench.board import GUESTS, NAME, Board, edgedeploy
from bench.figures import Sample
from bench.measure import watched
from bench.timed import Phase

_ASK: tuple[Phase, ...] = (
    Phase("find the board", r"^looking for the board"),
    Phase("connect, start the agent, say hello", r"^connecting to"),
)
_BRING: tuple[Phase, ...] = (
    Phase("prove that the release fits", r"^checking that"),
    *_ASK,
    Phase("send the commits", r"^sending what"),
    Phase("take the commits in", r"^preparing the release on the board \.\.\."),
    Phase("unpack", r"^preparing.*: unpacking"),
    Phase("check on the board", r"^preparing.*: checking that"),
    Phase("`git pull`, check again", r"^swapping the guest \.\.\."),
)


class Ours:
    """The sample talk, as `edgedeploy lab talk` starts it; a release takes the other's place without an outage."""

    key = "ours"
    title = "edgedeploy"
    first = "start the program"
    phases: Sequence[Phase] = (
        *_BRING,
        Phase("`xl create` beside", r"^swapping the guest: starting .* beside"),
        Phase("the guest boots, and is asked there", r"^swapping the guest: asking it where"),
        Phase("put it on air", r"^swapping the guest: putting .* on air"),
    )

    def __init__(self, board: Board) -> None:
        self.guest = f"{GUESTS[self.key]}:80"
        self._board = board
        self.folder = board.folder / ("decks" if self.key == "ours" else self.key)
        board.edgedeploy("lab", "talk", str(self.folder))
        config = self.folder / "edgedeploy.toml"
        # a guest that is late on a busy computer is to be seen in the figures, not to end the run
        config.write_text(config.read_text().replace("timeout = 60", "timeout = 300"))

    def prepare(self, mark: str) -> None:
        """Edit, release."""
        slides.edit(self.folder / "slides", mark)
        self._board.edgedeploy("-q", "release", "--repo", str(self.folder))

    def argv(self) -> list[str]:
        """The push; -v says what is being done, which is how the time is split."""
        return edgedeploy("-v", "push", str(self.folder), "--on", NAME)

    def fail(self, mark: str, number: int) -> Sample:
        """Push a release without its first page, whose guest ends at boot; `mark` is what stays on air."""
        page = self.folder / "slides/index.html"
        words = page.read_text()
        page.unlink()
        (self.folder / "slides/note.txt").write_text(f"{number}\n")
        self._board.edgedeploy("-q", "release", "--repo", str(self.folder), "--force")
        sample = watched(self, self._board, mark, mark, self.argv(), expected=40)
        page.write_text(words)
        return sample

    def back(self, old: str, new: str) -> Sample:
        """Roll back from one content to the one before; a second time leads forth again."""
        return watched(_Back(self), self._board, old, new, edgedeploy("-v", "rollback", str(self.folder), "--on", NAME))


class _Back:
    """The way back, whose command says other things."""

    title, first = "edgedeploy rollback", "start the program"
    phases: Sequence[Phase] = (*_ASK, Phase("back on air", r"^going back on"))

    def __init__(self, ours: Ours) -> None:
        self.key, self.guest = ours.key, ours.guest

    def prepare(self, mark: str) -> None:
        """Nothing is."""

    def argv(self) -> list[str]:
        """Given to `watched` by who asks for it."""
        return []


class InPlace(Ours):
    """Another app, with an address of its own, that never stands beside the one on air."""

    key = "inplace"
    title = "edgedeploy, in place"
    phases = (
        *_BRING,
        Phase("`xl destroy`, `xl create`", r"^swapping the guest: starting"),
        Phase("the guest boots", r"^swapping the guest: waiting for"),
    )

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        file = self.folder / "edgedeploy.toml"
        text = file.read_text().replace(GUESTS["ours"], GUESTS["inplace"])
        text = re.sub(r"(?m)^app = .*$", 'app = "inplace"', text)
        file.write_text(re.sub(r"(?m)^\[domain\]$", '[domain]\nswap = "in-place"', text))
