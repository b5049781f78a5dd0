"""The serial cable of one recovery: chosen once, opened in turn as a console and as a wire."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cached_property

from edgedeploy.core import errors
from edgedeploy.flows import console
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Wanted, candidates
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import agentkit
from edgedeploy.wires.serial import ports
from edgedeploy.wires.serial.login import Console
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.shell import Shell
from edgedeploy.wires.serial.wire import SerialWire


class Cable:
    """Raises as ports.choose, SerialPort, Console and SerialWire do. The password is asked for once."""

    def __init__(
        self, named: str | None, baud: int | None, kind: str | None, on: str | None, timeout: float, context: Context,
        password: ConsolePassword,
    ) -> None:  # fmt: skip
        """`timeout`: seconds until a shell answers."""
        self._named, self._kind, self._baud = named or "", kind, baud
        self._timeout, self._context, self._password = timeout, context, password
        meant = candidates(Wanted(on=on), context.known.all())
        self._board = meant[0] if len(meant) == 1 else None
        if self._board:
            password.about(self._board.board_id)

    @cached_property
    def port(self) -> ports.Port:
        """The chosen port, said once."""
        pinned = self._pinned()
        choice = ports.choose(ports.here([pinned]), named=self._named, pinned=pinned)
        self._context.report.note(f"{choice.port.device} at {self.baud} baud: {choice.why}")
        return choice.port

    def _pinned(self) -> str:
        configured = self._context.cables.pins if self._context.cables else {}
        return configured.get(self._board.name, "") or self._board.serial if self._board else ""

    @property
    def _user(self) -> str:
        """Who logs in: as a push by cable does."""
        users = self._context.cables.users if self._context.cables else {}
        return users.get(self._board.name, "root") if self._board else "root"

    @cached_property
    def baud(self) -> int:
        """The rate: the named one, else the kind's, else the usual."""
        return console.rate(self._baud, self._kind or (self._board.profile if self._board else None))

    @contextlib.contextmanager
    def console(self) -> Iterator[Shell]:
        """A shell on the board."""
        with contextlib.ExitStack() as stack:
            with self._context.report.step("reaching the board's console"):
                line = stack.enter_context(SerialPort(self.port.device, self.baud))
                shell = self._let_in(line, stack)
            yield shell

    def _let_in(self, line: SerialPort, stack: contextlib.ExitStack) -> Shell:
        # looking and logging in take up to 40 s, which is the rest
        boot = max(10.0, self._timeout - 90.0)
        work = max(20.0, min(60.0, self._timeout / 3))
        while True:
            try:
                console = Console(line, user=self._user, ask=self._password.ask, boot_wait=boot, work=work)
                return stack.enter_context(console)
            except errors.UsageFault:
                if not self._password.refused():
                    raise

    def wire(self) -> Wire:
        """The agent's way over the same cable, opened by whoever uses it first."""
        return SerialWire(
            self.port.device, self.baud, agentkit.foothold(), user=self._user, ask=self._password.ask,
            timeout=self._timeout, tell=self._context.report.note,
        )  # fmt: skip
