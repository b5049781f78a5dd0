"""A pseudo-terminal: a person's, or the far end of a cable."""

import os
import pty
import select
import termios

from tests.guard import USUAL_S, Guard


class Tty:
    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.name = os.ttyname(self.slave)
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""

    def let_go(self):
        """A tty that this process has open is a held one."""
        os.close(self.slave)
        self.slave = -1

    def settings(self):
        fd = os.open(self.name, os.O_RDWR | os.O_NOCTTY)
        try:
            return termios.tcgetattr(fd)
        finally:
            os.close(fd)

    def until(self, words, seconds=USUAL_S):
        guard = Guard(f"{words!r} at the terminal", seconds)
        while words not in self.seen:
            try:
                ready = select.select([self.master], [], [], guard.left)[0]
            except AssertionError as late:
                raise AssertionError(f"{late}; there was {self.seen!r}") from None
            if ready:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:  # nobody has its other end yet
                    guard.turn()
        before, _, self.seen = self.seen.partition(words)
        return before

    @property
    def as_before(self):
        return self.settings() == self.before

    def close(self):
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1
