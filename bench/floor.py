"""A file as base64 through a shell on a serial line, which is what a person does who has nothing else. The laptop's end.

python -m bench.floor TTY (send|receive) FILE REMOTE
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import select
import sys
from collections.abc import Sequence
from pathlib import Path

# sed ends at the line with a dot, which is not base64: a Ctrl-D would need a cooked tty, which loses data at this length
_TAKE = "stty raw -echo; echo BE''-GIN; sed -un '/^[.]$/q;p' | base64 -d >'{}'; echo E''-ND $?\n"
_GIVE = "stty -echo -ixon; echo BE''-GIN; base64 '{}'; echo E''-ND $?\n"
_BEGIN = re.compile(rb"BE-GIN\s")
_SAID = re.compile(rb"BE-GIN\s(.*?)E-ND (\d+)", re.S)


class Console:
    """A tty with a shell at its other end."""

    def __init__(self, tty: str) -> None:
        self._fd = os.open(tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._said = bytearray()

    def type(self, text: bytes) -> None:
        """As fast as the port takes it; what is said meanwhile is kept."""
        left = memoryview(text)
        while left:
            readable, writable, _ = select.select([self._fd], [self._fd], [])
            if readable:
                self._said += os.read(self._fd, 65536)
            if writable:
                with contextlib.suppress(BlockingIOError):  # it was stopped meanwhile
                    left = left[os.write(self._fd, left[:1024]) :]

    def await_begin(self) -> None:
        """Wait until the command runs."""
        while not _BEGIN.search(self._said):
            select.select([self._fd], [], [])
            self._said += os.read(self._fd, 65536)

    def answer(self) -> tuple[bytes, int]:
        """What a command said between its marks, and its exit status. Waits for it."""
        while not (found := _SAID.search(self._said)):
            select.select([self._fd], [], [])
            self._said += os.read(self._fd, 65536)
        return found[1], int(found[2])


def main(argv: Sequence[str]) -> int:
    tty, what, file, remote = argv
    console = Console(tty)
    console.type((_TAKE if what == "send" else _GIVE).format(remote).encode())
    if what == "send":
        console.await_begin()
        console.type(base64.encodebytes(Path(file).read_bytes()) + b".\n")
        return console.answer()[1]
    said, status = console.answer()
    Path(file).write_bytes(base64.b64decode(said))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
