"""Typing at a console at a pace it can take, and reading what its programs said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.wires.serial import recognise, text
from edgedeploy.wires.serial.recognise import Recogniser, Send, Sight, Where

T = TypeVar("T")

_SLICE, _PAUSE = 16, 0.02
"""Xen keeps 128 bytes for a dom0 that is busy, and drops the rest silently; 800 bytes/s leave it 160 ms"""
_SLOWEST = 0.06
_KEEP = 1 << 20


class Line(Protocol):
    """What is needed of a port: `port.SerialPort`."""

    device: str
    baud: int

    def read(self, n: int, timeout: float) -> bytes:
        """1..n bytes, b"" when none came in time. Raises Unreachable."""

    def write(self, data: bytes, timeout: float = 10.0) -> None:
        """All of `data`. Raises Unreachable."""


class Expect:
    """A conversation over a line: what was said since the last question."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.restarted = False
        """the board has started anew: nothing must be typed any more"""
        self._raw = b""
        self._pause = _PAUSE
        self.limit: Deadline | None = None
        """when it ends, whatever is being tried"""

    def slower(self) -> None:
        """Type at half the pace from now on: keys got lost."""
        self._pause = min(2 * self._pause, _SLOWEST)

    def look(self, *, boot_wait: float, beacon: Callable[[bytes], bool] | None = None) -> Sight:
        """Where the line is. Takes at most ten seconds, or `boot_wait` while the board boots."""
        options = {"beacon": beacon} if beacon else {}
        self._in_time()
        wait = min(boot_wait, self.limit.remaining) if self.limit else boot_wait
        recogniser = Recogniser(time.monotonic(), boot_wait=wait, **options)
        self._raw = b""
        self.restarted = False
        while True:
            did = recogniser.step(time.monotonic())
            if isinstance(did, Sight):
                return did
            if isinstance(did, Send):
                self.line.write(did.data)
                continue
            data = self.line.read(4096, max(0.0, did.until - time.monotonic()))
            recogniser.feed(data, time.monotonic())

    def type(self, data: str, end: str = "\r") -> None:
        """Type `data` and Enter; what was said before is forgotten. Never into a board that starts anew."""
        self._heard(self.line.read(65536, 0))
        self._raw = b""
        raw = (data + end).encode("ascii")
        for start in range(0, len(raw), _SLICE):
            self._check()
            self.line.write(raw[start : start + _SLICE])
            time.sleep(self._pause)

    def until(self, check: Callable[[str], T | None], deadline: Deadline) -> T | None:
        """Read until `check` finds in the text since the last question what it wants; None when the time is up."""
        while True:
            found = check(text.own(text.plain(self._raw)))
            if found is not None:
                return found
            if deadline.expired:
                return None
            self._heard(self.line.read(65536, min(0.1, deadline.remaining)))
            self._check()

    def prompt(self, deadline: Deadline) -> tuple[Where | None, str]:
        """Read until a prompt stands for a moment: what it is (None: none came) and the text since the question.

        Noise on the line that comes behind a prompt is cut off.
        """
        last, since = "", time.monotonic()

        def standing(said: str) -> tuple[Where, str] | None:
            nonlocal last, since
            where = recognise.prompt(said.rsplit("\n", 1)[-1])
            if where is None and (found := recognise.before_noise(shown := text.plain(self._raw))):
                where, said = found[0], shown[: found[1]]
            now = said.rsplit("\n", 1)[-1]
            if now != last:
                last, since = now, time.monotonic()
            return (where, said) if where and time.monotonic() - since >= recognise.SETTLE else None

        return self.until(standing, deadline) or (None, text.own(text.plain(self._raw)))

    def _heard(self, data: bytes) -> None:
        self._raw = (self._raw + data)[-_KEEP:]
        if data and recognise.restarted(text.plain(self._raw)):
            self.restarted = True

    def grant(self, seconds: float) -> None:
        """So much later is `limit`: a person was asked meanwhile."""
        if self.limit:
            self.limit = Deadline(self.limit.at + seconds)

    def _in_time(self) -> None:
        if self.limit and self.limit.expired:
            raise errors.Unreachable(
                f"the board's console on {self.line.device} took too long", hint="try again with a longer --timeout"
            )

    def _check(self) -> None:
        self._in_time()
        if self.restarted:
            raise errors.Unreachable("the board has restarted", hint="wait for it to start, then try again")
