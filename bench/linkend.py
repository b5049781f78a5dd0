"""One end of edgedeploy's link on a real tty, as a program of its own: sends a file, or receives one.

python -m bench.linkend (laptop|board) SESSION TTY (send|receive) FILE
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedeploy.core.link import Event, Kind, Link

_PIECE = 4096
_LAST = frozenset((Kind.CLOSED, Kind.LOST, Kind.GONE))


def copy(link: Link, fd: int, step: Callable[[], None]) -> Event:
    """Carry between `link` and the tty until the link is over, or the far end is gone. `step` sends and reads."""
    wake = 0.0
    while True:
        select.select([fd], [], [], max(0.0, min(wake - time.monotonic(), 1.0)))
        with contextlib.suppress(BlockingIOError):
            link.receive(os.read(fd, 65536), time.monotonic())
        step()
        data, wake = link.poll(time.monotonic())
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                select.select([], [fd], [], 1.0)
        for event in link.events():
            if event.kind in _LAST:
                return event


def main(argv: Sequence[str]) -> int:
    where, session, tty, what, file = argv
    link = Link(int(session), laptop=where == "laptop")
    fd = os.open(tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    if what == "receive":
        with open(file, "wb", buffering=0) as target:
            return 0 if copy(link, fd, lambda: target.write(link.read()) and None).kind is Kind.CLOSED else 1
    left = memoryview(Path(file).read_bytes())
    complete = False

    def send() -> None:
        nonlocal left, complete
        left = left[link.send(bytes(left[:_PIECE])) :]
        if not left and not link.waiting:
            complete = True
            link.close()

    copy(link, fd, send)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
