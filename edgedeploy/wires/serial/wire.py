"""The serial wire: log in at the board's console, start the board's half of the link there, then commands as channels."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edgedeploy.core import errors, mux
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.link import Link
from edgedeploy.ports.wire import Traits
from edgedeploy.wires.argv import checked
from edgedeploy.wires.serial.login import LEAVING, Ask, Console
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.pump import Pump
from edgedeploy.wires.serial.shell import Shell
from edgedeploy.wires.serial.start import NotStarted, start, take_back
from edgedeploy.wires.serial.stream import SerialStream

BY_ID = Path("/dev/serial/by-id")
_SHARE = 0.85
"""of the line's rate that commands get at least, where nothing is lost: Xen's input has seven bits (docs/adr/0009)"""
_ATTEMPTS = 3
_LEAST = 10.0
"""seconds that a log-in gets however small the timeout: to see where a console is takes up to eight"""


def _ignore(_: str) -> None:
    return None


class SerialWire:
    """ports.wire.Wire over a serial console. Connects at the first `open` (or `connect`); once lost, it stays lost.

    While the cable is out for less than a minute, nothing is lost: streams wait. `close` leaves the console as it was
    found, and returns within seconds even when there is nobody to leave.
    """

    def __init__(
        self, device: str, baud: int, foothold: bytes, *, user: str = "root", ask: Ask, timeout: float = 120.0,
        rate: float | None = None, tell: Callable[[str], None] = _ignore,
    ) -> None:  # fmt: skip
        """Does no I/O yet. `foothold`: remote.agentkit.foothold(). `ask` is called at most once, `tell` also by a thread.

        `timeout`: seconds until the link stands, less those that `ask` takes, but ten at least; a board that boots is
        waited for that long. To leave again takes up to LEAVING seconds more. `rate`: bytes/s that an earlier session
        learned.
        """
        self._device, self._baud, self._foothold = device, baud, foothold
        self._user, self._ask, self._timeout = user, _once(ask), timeout
        self._rate, self._tell = rate, tell
        self._lock = threading.Lock()
        self._port: SerialPort | None = None
        self._console: Console | None = None
        self._shell: Shell | None = None
        self._pump: Pump | None = None
        self._starting = self._closed = False

    @property
    def traits(self) -> Traits:
        """As ports.wire.Wire.traits."""
        return Traits(f"serial {self._device}", int(self._line * _SHARE))

    @property
    def rate(self) -> float:
        """Bytes/s up that the link found to arrive: worth remembering for the board."""
        return self._pump.link.rate if self._pump else (self._rate or self._line)

    @property
    def heard(self) -> tuple[str, ...]:
        """The last lines that the kernel and Xen wrote during the session. Raw text from outside."""
        return self._pump.watch.heard if self._pump else ()

    @property
    def _line(self) -> float:
        return self._baud / 10

    def connect(self) -> None:
        """Log in and start the link, once. Raises Unreachable (where the console is, in words), UsageFault (the password,
        the port), BoardFault (no Python there).
        """
        with self._lock:
            if self._closed:
                raise errors.WireFault(f"{self.traits.label} is closed")
            if self._pump:
                if self._pump.fault:
                    raise self._pump.fault
                return
            try:
                self._connect()
            except BaseException:
                self._leave()
                raise

    def open(self, argv: Sequence[str]) -> SerialStream:
        """As ports.wire.Wire.open."""
        words = b"\0".join(os.fsencode(word) for word in checked(argv))
        if len(words) > mux.ARGV:
            raise errors.Bug(f"a command of {len(words)} bytes is too long for the serial wire")
        self.connect()
        assert self._pump is not None
        return SerialStream(self._pump, words)

    def close(self) -> None:
        """As ports.wire.Wire.close."""
        with self._lock:
            self._closed = True
            self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> None:
        deadline = Deadline.after(max(_LEAST, self._timeout))
        names = _names(self._device)
        for attempt in range(1, _ATTEMPTS + 1):
            self._port = SerialPort(self._device, self._baud)
            link = Link(secrets.randbits(32), laptop=True, line=self._line, rate=self._rate)
            console = Console(
                self._port, user=self._user, ask=self._ask, boot_wait=deadline.remaining, work=90.0, limit=deadline
            )
            try:
                self._begin(self._port, link, console)
            except NotStarted:
                deadline = console.limit or deadline
                if attempt == _ATTEMPTS or deadline.remaining < _LEAST:
                    raise
                self._tell("the link did not start; trying again")
                self._leave()
            else:
                console.bound(None)
                self._pump = Pump(self._port, link, self._line, names, self._tell)
                return

    def _begin(self, port: SerialPort, link: Link, console: Console) -> None:
        self._shell = console.__enter__()
        self._console = console
        self._tell("the board's console answers; starting the link")
        try:
            assert console.limit
            start(self._shell, port, self._foothold, link, console.limit)
        except errors.BoardFault:  # the shell still has the console
            raise
        except BaseException:
            self._starting = True
            raise

    def _leave(self) -> None:
        """Best effort, within some seconds, never raises for the line's sake; the port is given back in any case."""
        try:
            self._put_back()
        finally:
            self._starting, self._console = False, None
            port, self._port = self._port, None
            if port:
                port.close()

    def _put_back(self) -> None:
        if self._console:
            self._console.bound(LEAVING)
        pump, self._pump = self._pump, None
        if pump:
            self._rate = pump.link.rate
            if not pump.close() or not (pump.watch.prompt or self._prompted(lambda shell, _: shell.stands(_BACK))):
                self._abandon()
        elif self._starting and not self._prompted(take_back):
            self._abandon()
        if self._console:
            self._console.leave(interrupt=False)

    def _prompted(self, wait: Callable[[Shell, SerialPort], bool]) -> bool:
        """Whether our shell gets the console back."""
        try:
            return self._shell is not None and self._port is not None and wait(self._shell, self._port)
        except errors.EdgeError:
            return False

    def _abandon(self) -> None:
        if self._console:
            self._console.abandon()


_BACK = 8.0
"""seconds until the board's half has ended: two for its commands to go, less than one for the guard"""


def _once(ask: Ask) -> Ask:
    """`ask`, which is asked at most once for each user, however often we log in."""
    known: dict[str, str | None] = {}

    def answer(user: str) -> str | None:
        if user not in known:
            known[user] = ask(user)
        return known[user]

    return answer


def _names(device: str) -> tuple[str, ...]:
    """Names of the device, the lasting one first: after a re-plug ttyUSB0 may be ttyUSB1."""
    real = os.path.realpath(device)
    lasting = [str(link) for link in BY_ID.glob("*") if os.path.realpath(link) == real]
    return (*lasting[:1], device)
