"""Joins two real ptys by a serial line with its faults, in real time: one process a line.

Each byte leaves ten bit times after the one before it (bench/line.py). A wake-up of this process that comes late costs
nothing: what was to leave meanwhile leaves by the time it was due, and never sooner. A pty takes 18 KiB of a program
before it blocks it, a UART's driver 4 KiB, and wakes it when a few hundred are left; so the pty is stopped (TCOOFF) in the
same way. Where Xen writes for dom0 nothing stops a program: what is too much is dropped.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
import time
import tty
from collections.abc import Callable

from bench.line import Faults, Line

TICK = 0.002
"""seconds between two looks at the clock, at most"""
DRIVER = 4096
"""bytes that a driver keeps of what a program wrote"""
_WAKE = 512  # bytes left at which it lets the program write again: 44 ms, for a relay that comes late
_LATE = 3 * TICK  # a step that comes later may have left the line idle


class Pty:
    """A pty whose slave a program opens by its name. The slave is held open here: programs come and go."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.name = os.ttyname(self.slave)
        self.stopped = False

    def stop(self, stopped: bool) -> None:
        """Let no program write, or let them."""
        if stopped != self.stopped:
            termios.tcflow(self.slave, termios.TCOOFF if stopped else termios.TCOON)
            self.stopped = stopped

    def close(self) -> None:
        self.stop(False)
        os.close(self.master)
        os.close(self.slave)


class Way:
    """One direction: what comes out of `source` goes through `line` and into `target`."""

    def __init__(self, source: Pty, target: Pty, line: Line) -> None:
        self.line = line
        self.first: float | None = None
        """when the first byte was written, and nothing before it"""
        self.lost = 0.0
        """seconds, at most, that the line was idle because this process came late"""
        self.most = 0
        """bytes that waited for the line, at most"""
        self.source, self._target = source, target
        self._eager = line.faults.xen == "out"
        self._due = bytearray()

    def step(self, now: float, late: float) -> None:
        """Carry what is due at `now`; the step before was `late` seconds ago."""
        self._due += self.line.deliver(now)
        if data := _taken(self.source.master, self._room) if self.listening else b"":
            if self.first is None:
                self.first = now
            elif not self.line.waiting:
                self.lost += max(0.0, late - _LATE)
            self.line.write(data, now)
            self.most = max(self.most, self.line.waiting)
        if not self._eager:
            self.source.stop(self.line.waiting >= (_WAKE if self.source.stopped else DRIVER))
        if self._due:
            with contextlib.suppress(BlockingIOError):  # the program does not read: its tty is full
                del self._due[: os.write(self._target.master, self._due)]

    @property
    def listening(self) -> bool:
        """Whether a byte written now would be read at once."""
        return self._eager or self.line.waiting < DRIVER

    @property
    def _room(self) -> int:
        return DRIVER if self._eager else DRIVER - self.line.waiting


class Relay:
    """A laptop's port, a board's port, and the cable between them."""

    def __init__(self, up: Faults, down: Faults, seed: int) -> None:
        self.laptop, self.board = Pty(), Pty()
        self._zero = time.monotonic()
        self.up = Way(self.laptop, self.board, Line(up, seed * 2 + 1))
        self.down = Way(self.board, self.laptop, Line(down, seed * 2 + 2))
        self.latest = 0.0
        """seconds between two steps, at most"""

    def clock(self) -> float:
        """Seconds since the relay was made."""
        return time.monotonic() - self._zero

    def run(self, done: Callable[[float], bool]) -> None:
        """Carry until `done(clock)`, which is asked at every step."""
        before = self.clock()
        while True:
            watched = [way.source.master for way in (self.up, self.down) if way.listening]
            select.select(watched, [], [], TICK)
            now = self.clock()
            self.latest = max(self.latest, now - before)
            for way in (self.up, self.down):
                way.step(now, now - before)
            before = now
            if done(now):
                return

    def close(self) -> None:
        self.laptop.close()
        self.board.close()


def _taken(fd: int, size: int) -> bytes:
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return b""
