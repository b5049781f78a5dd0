"""A person's terminal joined with a console somewhere else, until the escape key: one loop, whatever the line is."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.ports.screen import Screen
from edgedeploy.ports.terminal import raw, say

ESCAPE = 0x1D
"""Ctrl-], as telnet and virsh have it; no shell and no editor wants it"""
HELP = "Ctrl-] . leaves (q does too), Ctrl-] Ctrl-] sends one Ctrl-],{} Ctrl-] ? says this again"
BREAK_HELP = " Ctrl-] b sends a BREAK,"
_DRAIN, _STUCK = 1.0, 10.0
"""seconds of quiet after which an input that has ended has had its answer; and when the far end never took all of it"""
_TURN = 0.5
_PASTE = 1 << 20


class Over(Exception):
    """The far end is over, which is no error; its words are for the person."""


class Line(Protocol):
    """The far end. Its methods raise Over at its end, and an EdgeError when it is lost."""

    @property
    def slice(self) -> int:
        """How many bytes may be written at once."""

    @property
    def pause(self) -> float:
        """Seconds to leave between two writes."""

    @property
    def settled(self) -> bool:
        """Whether the far end has taken everything that was written."""

    def fileno(self) -> int:
        """What is readable when `read` has something; -1 while there is nothing to wait for. May change."""

    def read(self) -> Sequence[bytes | str]:
        """What has come, without waiting: bytes of the console, and words about it."""

    def write(self, data: bytes) -> int:
        """Send some of `data`; how many bytes. Zero: not now, `fileno` becomes readable when it may go on."""

    @property
    def breaks(self) -> bool:
        """Whether a BREAK means anything there."""

    def send_break(self) -> str:
        """Send a BREAK; words on what was done."""

    def tick(self) -> Sequence[str]:
        """Called at every turn, at least twice a second; words about the line."""


class Keys:
    """What typed bytes mean; the escape key and what follows it may come in two pieces."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> tuple[bytes, str]:
        """What to send, and what else to do: "leave", "break", "help" or nothing. After a "leave" nothing is sent."""
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
                act = "break" if byte in b"bB" else "help"
        return bytes(send), act


def help_of(line: Line) -> str:
    """What the escape key does there."""
    return HELP.format(BREAK_HELP if line.breaks else "")


def join(line: Line, log: BinaryIO | None = None) -> None:
    """Join stdin and stdout with `line` until the escape key, its end, or an answer to an input that has ended.

    Nothing is typed by itself. `log` gets what the console writes, byte for byte; a terminal gets what Screen lets
    through. Raises what the line raises. The terminal is put back whatever is raised, KeyboardInterrupt included.
    """
    keyboard = sys.stdin.fileno()
    screen = Screen() if os.isatty(sys.stdout.fileno()) else None
    with raw(keyboard) as terminal:
        copy = _Copy(line, keyboard, log, Keys() if terminal else None, screen)
        if terminal:  # only now: what is typed after these words goes to the board, Ctrl-C too
            say(f"[{help_of(line)}]\r\n")
        try:
            copy.run()
        finally:
            if screen:
                _out(screen.reset())
            if terminal:
                say("\r\n")


class _Copy:
    """Both directions at once, the typed one at a pace the far end can take."""

    def __init__(self, line: Line, keyboard: int, log: BinaryIO | None, keys: Keys | None, screen: Screen | None) -> None:
        self._line, self._keyboard, self._log, self._keys, self._screen = line, keyboard, log, keys, screen
        self._pending = b""
        self._next = 0.0
        self._blocked = False
        self._open = True
        """whether more may be typed"""
        self._left = False

    def run(self) -> None:
        quiet_since = time.monotonic()
        try:
            while not self._left:
                if self._turn():
                    quiet_since = time.monotonic()
                enough = _DRAIN if self._line.settled and not self._pending else _STUCK
                if not self._open and time.monotonic() - quiet_since >= enough:
                    return
        except Over as over:
            self._words(str(over))

    def _turn(self) -> bool:
        """Whether anything moved."""
        # a pipe waits until what was read from it is sent; behind a long paste a person may type the escape key
        watched = [self._keyboard] if self._open and len(self._pending) < (_PASTE if self._keys else 1) else []
        if self._line.fileno() >= 0:
            watched.append(self._line.fileno())
        ready, _, _ = select.select(watched, [], [], self._patience())
        moved = bool(ready)
        for words in self._line.tick():
            self._words(words)
        if self._line.fileno() in ready:
            self._blocked = False
            for piece in self._line.read():
                self._words(piece) if isinstance(piece, str) else self._show(piece)
        if self._keyboard in ready:
            self._typed(os.read(self._keyboard, 1024))
        if self._pending and not self._blocked and time.monotonic() >= self._next:
            taken = self._line.write(self._pending[: self._line.slice])
            self._pending = self._pending[taken:]
            self._next = time.monotonic() + self._line.pause
            self._blocked = not taken
            moved = moved or bool(taken)
        return moved

    def _patience(self) -> float:
        if self._pending and not self._blocked:
            return max(0.0, self._next - time.monotonic())
        return _TURN

    def _show(self, data: bytes) -> None:
        if self._log and data:
            self._log.write(data)
        _out(self._screen.feed(data) if self._screen else data)

    def _words(self, text: str) -> None:
        if text:
            end = "\r\n" if self._keys else "\n"
            say(f"{end if self._keys else ''}[{printable(text, 300)}]{end}")

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
            self._words(help_of(self._line))
        elif act == "break":
            self._words(self._line.send_break())


def _out(data: bytes) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


def open_log(path: str) -> BinaryIO:
    """A file to append to; only its owner may read it. Raises UsageFault."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return open(fd, "ab", buffering=0)
    except OSError as fault:
        raise errors.UsageFault(f"cannot write {path}: {fault.strerror}", hint="--log names a file") from fault
