"""A serial cable to a virtual board: a tty of this computer that is joined with the board's console, at a real line's rate.

QEMU's UART knows no baud rate. A rehearsal over a line that is a hundred times too fast proves nothing, so the bytes
leave here one 8N1 character time after the other, and what Xen would have dropped (it thinks the line is slower than
it is emulated) is dropped.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from edgedeploy.lab import console

NAME = "cable"
"""the symbolic link to the tty in the board's folder: the same name each time the cable is plugged in"""
BAUD = 115200
_TICK, _IDLE = 0.002, 0.02
_KEEP = 32 * 1024  # of the board's output: Xen's own buffer (drivers/char/serial.c, CONFIG_SERIAL_TX_BUFSIZE since 4.17)
_FIFO = 4096  # of the laptop's: what its kernel holds for a UART


class Direction:
    """One way of the line: bytes leave at the rate of the line, whenever somebody looks."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._waiting = bytearray()
        self._free_at = 0.0
        self.dropped = 0

    def put(self, data: bytes, now: float, limit: int) -> None:
        """`data` was handed to the UART; beyond `limit` waiting bytes the newest are dropped."""
        if not self._waiting:
            self._free_at = max(self._free_at, now)
        room = limit - len(self._waiting)
        self.dropped += max(0, len(data) - room)
        self._waiting += data[: max(0, room)]

    def take(self, now: float) -> bytes:
        """What has arrived at the far end by `now`."""
        count = min(len(self._waiting), max(0, int((now - self._free_at) * self._rate)))
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._free_at += count / self._rate
        return data

    @property
    def waiting(self) -> int:
        """Bytes still on their way."""
        return len(self._waiting)


class Cable:
    """Plugged in while open. `device` is the laptop's end."""

    def __init__(self, folder: Path, name: str, baud: int = BAUD) -> None:
        """Raises BoardFault as `console.opened` does."""
        self._ends = contextlib.ExitStack()
        self._board = self._ends.enter_context(console.opened(folder, name, "edgedeploy lab cable"))
        self._laptop, far = pty.openpty()
        tty.setraw(far)
        self.device = os.ttyname(far)
        os.close(far)  # a program that looks who has the port must not find us
        for end in (self._laptop, self._board.fileno()):
            os.set_blocking(end, False)
        self.link = folder / NAME
        self.up, self.down = Direction(baud / 10), Direction(baud / 10)
        self._unsent = b""
        _point(self.link, self.device)

    def carry(self, seconds: float) -> bool:
        """Carry bytes for so long; False when the board's end has closed."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            # not the laptop's end: with no program there it is ready for ever (a hang-up)
            ready, _, _ = select.select([self._board], [], [], _TICK if self._busy else _IDLE)
            if not self._step(bool(ready), time.monotonic()):
                return False
            time.sleep(_TICK)
        return True

    def close(self) -> None:
        """Pull it: a program that has the tty open sees a hang-up. Idempotent."""
        if self._laptop < 0:
            return
        with contextlib.suppress(OSError):
            if os.readlink(self.link) == self.device:
                self.link.unlink()
        self._ends.close()
        os.close(self._laptop)
        self._laptop = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _busy(self) -> bool:
        return bool(self.up.waiting or self.down.waiting or self._unsent)

    def _step(self, said: bool, now: float) -> bool:
        if said:
            data = _received(self._board)
            if data == b"":
                return False
            self.down.put(data or b"", now, _KEEP)
        if self.up.waiting < _FIFO:
            with contextlib.suppress(OSError):  # nothing typed, or no program there
                self.up.put(os.read(self._laptop, _FIFO - self.up.waiting), now, _FIFO)
        if arrived := self.down.take(now):
            with contextlib.suppress(BlockingIOError):  # nobody reads: dropped, as a UART's kernel does
                os.write(self._laptop, arrived)
        self._unsent += self.up.take(now)
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[self._board.send(self._unsent) :] if self._unsent else b""
        return True


def _received(connection: socket.socket) -> bytes | None:
    try:
        return connection.recv(65536)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _point(link: Path, target: str) -> None:
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
