"""Type at a board's serial console and read what comes back."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Self

from edgedeploy.lab import console, process
from edgedeploy.lab.machine import Machine


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

    def expect(self, pattern: str, timeout: float = 60.0) -> re.Match[str]:
        """Read until `pattern` shows, and forget everything up to its end."""
        ends = time.monotonic() + timeout
        while not (match := re.search(pattern, self.seen)):
            left = ends - time.monotonic()
            assert left > 0, f"no {pattern!r} on the console within {timeout} s, but {self.seen[-400:]!r}"
            self._socket.settimeout(left)
            try:
                received = self._socket.recv(4096)
            except TimeoutError:
                continue
            assert received, f"the console closed before {pattern!r}"
            self.seen += received.decode("latin-1")
        self.seen = self.seen[match.end() :]
        return match
