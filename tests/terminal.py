"""A pseudo-terminal: a person's, or the far end of a cable."""

import os
import pty
import select
import termios
import time


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

    def until(self, words, seconds=15):
        ends = time.monotonic() + seconds
        while words not in self.seen:
            left = ends - time.monotonic()
            assert left > 0, f"no {words!r} in {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:  # nobody has its other end yet
                    time.sleep(0.02)
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
