"""Type at a board's serial console and read what comes back."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

import pytest

from edgedeploy.lab import console, process
from edgedeploy.lab.machine import Machine
from tests import guard


class Console:
    """The one client of a board's console."""

    def __init__(self, board: Machine) -> None:
        self._socket = process.connect(board.folder, "serial.sock")
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def type(self, text: str) -> None:
        console.send(self._socket, text.encode())

    def expect(self, pattern: str, timeout: float = 600.0) -> re.Match[str]:
        """Read until `pattern` shows, and forget everything up to its end."""
        waiting = guard.Guard(f"{pattern!r} on the console", timeout)
        while not (match := re.search(pattern, self.seen)):
            self._socket.settimeout(waiting.left)
            try:
                received = self._socket.recv(4096)
            except TimeoutError:
                pytest.fail(f"no {pattern!r} on the console, but {self.seen[-400:]!r}")
            assert received, f"the console closed before {pattern!r}"
            self.seen += received.decode("latin-1")
        self.seen = self.seen[match.end() :]
        return match
