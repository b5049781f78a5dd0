"""The reference: nothing but `xl destroy` and `xl create`, with the unpacked files on the board already."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board import GUESTS, Board
from bench.guest import Guest
from bench.timed import Phase

_FOLDER = "/root/bare"
_CONFIG = """\
name = "bare"
kernel = "/root/bare/vmlinuz"
ramdisk = "/root/bare/ramdisk"
extra = "@EXTRA@"
memory = @MEMORY@
vif = [ "mac=@MAC@,bridge=xenbr0" ]
"""


class Bare:
    """No git, no packing, no check."""

    key = "bare"
    title = "bare xl"
    guest = f"{GUESTS['bare']}:80"
    first = "connect by SSH"
    phases: Sequence[Phase] = (
        Phase("`xl destroy`", r"^\+ xl destroy"),
        Phase("`xl create`", r"^\+ xl create"),
        Phase("the guest boots", r"^\+ : created"),
    )

    def __init__(self, board: Board) -> None:
        self._board = board
        self._guest = Guest(board, self.key)
        board.put(self._guest.kernel, f"{_FOLDER}/vmlinuz")
        board.put(self._guest.fill(_CONFIG).encode(), f"{_FOLDER}/bare.cfg")

    def prepare(self, mark: str) -> None:
        """Bring the new ramdisk over; the guest that runs has its own copy in memory."""
        self._board.put(self._guest.ramdisk(mark), f"{_FOLDER}/ramdisk")

    def argv(self) -> list[str]:
        """One SSH session."""
        return self._board.argv(f"set -x; xl destroy bare; xl create -q {_FOLDER}/bare.cfg && : created")
