"""Keeps the last lines of a guest's console while it is on trial: the evidence, should it die."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from edgedeploy.core.names import printable

_KEEP = 64 * 1024


class ConsoleTail:
    """Reads a guest's console terminal in the background until closed. xenconsoled holds what came before we looked."""

    def __init__(self, tty: Path | None) -> None:
        self._bytes = bytearray()
        self._stop = threading.Event()
        try:
            self._fd = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK) if tty else -1
        except OSError:  # the guest, and its terminal with it, is gone already
            self._fd = -1
        self._thread = threading.Thread(target=self._follow, daemon=True)
        if self._fd >= 0:
            self._thread.start()

    def _follow(self) -> None:
        while not self._stop.wait(0.05):
            self._drain()

    def _drain(self) -> None:
        try:
            while chunk := os.read(self._fd, 4096):
                self._bytes += chunk
                del self._bytes[:-_KEEP]
        except OSError:  # nothing there just now, or the guest and its terminal are gone
            return

    def lines(self, count: int = 20) -> list[str]:
        """The last lines so far, safe to print."""
        if self._fd >= 0:
            self._drain()
        text = bytes(self._bytes).decode("utf-8", "replace").replace("\r", "")
        return [printable(line, 300) for line in text.splitlines() if line.strip()][-count:]

    def close(self) -> None:
        """Stop reading. Idempotent."""
        if self._fd >= 0:
            self._stop.set()
            self._thread.join()
            os.close(self._fd)
            self._fd = -1
