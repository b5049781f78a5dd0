"""A serial port as the far end of a person's terminal; a cable that is pulled may come back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from edgedeploy.core import errors
from edgedeploy.wires.serial import recognise, text
from edgedeploy.wires.serial.port import SerialPort

OUT = "the cable is out: plug it in again, or Ctrl-] . leaves"
BACK = "the cable is back"
_TRY_S = 0.5
_LAST = 1024
"""bytes; a prompt is shorter"""


class Cable:
    """A ports.join.Line. `again` opens the port anew after it vanished; without it the port's end is the end."""

    # A pasted text must not outrun the board: Xen's console keeps 128 bytes, and drops the rest silently.
    slice, pause = 16, 0.02
    settled = True

    def __init__(self, port: SerialPort, again: Callable[[], SerialPort] | None = None) -> None:
        self._port, self._again = port, again
        self._out = False
        self._try_at = 0.0
        self._news: list[str] = []
        self._last = b""

    @property
    def at_shell(self) -> bool:
        """Whether the last thing that came is a shell's prompt: somebody is logged in there, and stays so."""
        line = text.own(text.plain(self._last)).rpartition("\n")[2]
        return recognise.prompt(line) is recognise.Where.SHELL

    def fileno(self) -> int:
        """As ports.join.Line.fileno."""
        return -1 if self._out else self._port.fileno()

    def read(self) -> Sequence[bytes | str]:
        """As ports.join.Line.read. Raises Unreachable when the port vanishes for good."""
        try:
            data = self._port.read(65536, 0)
            self._last = (self._last + data)[-_LAST:]
            return [data]
        except errors.Unreachable as fault:
            return [self._pulled(fault)]

    def write(self, data: bytes) -> int:
        """As ports.join.Line.write. What is typed while the cable is out goes nowhere."""
        if not self._out:
            try:
                self._port.write(data)
            except errors.Unreachable as fault:
                self._news.append(self._pulled(fault))
        return len(data)

    breaks = True

    def send_break(self) -> str:
        """As ports.join.Line.send_break."""
        if self._out:
            return OUT
        try:
            self._port.send_break()
        except errors.Unreachable as fault:
            return self._pulled(fault)
        return "BREAK sent"

    def tick(self) -> Sequence[str]:
        """As ports.join.Line.tick: tries the port again while it is out."""
        news, self._news = self._news, []
        if self._out and self._again and time.monotonic() >= self._try_at:
            with contextlib.suppress(errors.EdgeError):  # not there yet, or udev has not given it to its group yet
                self._port = self._again()
                self._out = False
                news.append(BACK)
            self._try_at = time.monotonic() + _TRY_S
        return news

    def close(self) -> None:
        """Give the port back. Idempotent, never raises."""
        self._port.close()

    def _pulled(self, fault: errors.Unreachable) -> str:
        if self._again is None or not self._port.vanished:
            raise fault
        self._port.close()
        self._out = True
        return OUT
