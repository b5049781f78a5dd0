"""A person's terminal while a board's console has it: every key goes over as it is."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def say(text: str) -> None:
    """Words of ours beside what the board prints; at once."""
    sys.stderr.write(text)
    sys.stderr.flush()


@contextmanager
def raw(descriptor: int) -> Iterator[bool]:
    """Raw mode where `descriptor` is a terminal, its settings back at the end; yields whether it is one."""
    if not os.isatty(descriptor):
        yield False
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield True
    finally:
        with suppress(termios.error):  # its window was closed: there is nothing to put back
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
