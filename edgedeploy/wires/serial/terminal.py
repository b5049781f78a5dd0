"""A person at the console: this terminal joined with a serial port, until the escape key."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from edgedeploy.core import errors
from edgedeploy.ports.terminal import raw, say
from edgedeploy.wires.serial.port import SerialPort

ESCAPE = 0x1D
"""Ctrl-], as telnet and virsh have it; no shell and no editor wants it"""
HELP = "Ctrl-] . leaves (q does too), Ctrl-] Ctrl-] sends one Ctrl-], Ctrl-] ? says this again"
# A pasted text must not outrun the board: Xen's console keeps 128 bytes, and drops the rest silently.
_SLICE, _PAUSE = 16, 0.02
_DRAIN = 1.0
"""seconds of quiet after which an input that has ended has had its answer"""


class Keys:
    """What typed bytes mean; the escape key and what follows it may come in two pieces."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> tuple[bytes, str]:
        """What to send, and what else to do: "leave", "help" or nothing. After a "leave" nothing is sent."""
        send, act = bytearray(), ""
        for byte in data:
            if not self._escaped:
                self._escaped = byte == ESCAPE
                if not self._escaped:
                    send.append(byte)
                continue
            self._escaped = False
            if byte in b".qQ":
                return bytes(send), "leave"
            if byte == ESCAPE:
                send.append(byte)
            else:
                act = "help"
        return bytes(send), act


def attach(port: SerialPort, log: BinaryIO | None = None) -> None:
    """Join stdin and stdout with `port` until the escape key or the end of the input; nothing is typed by itself.

    `log` gets what the board writes, byte for byte. Raises Unreachable when the port vanishes. The terminal is put
    back whatever happens, a SIGTERM or SIGHUP included (they end as KeyboardInterrupt).
    """
    keyboard = sys.stdin.fileno()
    with _ended_by_signals(), raw(keyboard) as terminal:
        if terminal:  # only now: what is typed after these words goes to the board, Ctrl-C too
            say(f"[{HELP}]\r\n")
        try:
            _Copy(port, keyboard, log, Keys() if terminal else None).run()
        finally:
            if terminal:
                say("\r\n")


class _Copy:
    """Both directions at once, the typed one at a pace the board can take."""

    def __init__(self, port: SerialPort, keyboard: int, log: BinaryIO | None, keys: Keys | None) -> None:
        self._port, self._keyboard, self._log, self._keys = port, keyboard, log, keys
        self._pending = b""
        self._next = 0.0
        self._open = True
        """whether more may be typed"""
        self._left = False

    def run(self) -> None:
        quiet_since = time.monotonic()
        while not self._left:
            # no more is read from the keyboard than can be sent: a pipe waits
            watched = [self._port.fileno(), *([self._keyboard] if self._open and not self._pending else [])]
            ready, _, _ = select.select(watched, [], [], self._patience())
            now = time.monotonic()
            if self._port.fileno() in ready:
                self._show(self._port.read(65536, 0))
                quiet_since = now
            if self._keyboard in ready:
                self._typed(os.read(self._keyboard, 1024))
                quiet_since = now
            if self._pending and now >= self._next:
                self._port.write(self._pending[:_SLICE])
                self._pending = self._pending[_SLICE:]
                self._next = now + _PAUSE
                quiet_since = now
            if not self._open and not self._pending and now - quiet_since >= _DRAIN:
                return

    def _patience(self) -> float:
        return max(0.0, self._next - time.monotonic()) if self._pending else _DRAIN

    def _show(self, data: bytes) -> None:
        if self._log and data:
            self._log.write(data)
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]

    def _typed(self, data: bytes) -> None:
        if not data:
            self._open = False
            return
        if self._keys is None:
            self._pending += data
            return
        send, act = self._keys.feed(data)
        self._pending += send
        self._left = act == "leave"
        if act == "help":
            say(f"\r\n[{HELP}]\r\n")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def open_log(path: str) -> BinaryIO:
    """A file to append to; only its owner may read it. Raises UsageFault."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return open(fd, "ab", buffering=0)
    except OSError as fault:
        raise errors.UsageFault(f"cannot write {path}: {fault.strerror}", hint="--log names a file") from fault
