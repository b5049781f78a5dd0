"""What a guest says on its console: the evidence, should it die on trial, and what a person wants to see.

A console's terminal can be read once; two readers get half each. So one reads, and adds to a file (`Kept`) from which
everybody else reads.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from edgedeploy.core.names import printable

_KEEP = 64 * 1024
_FILE = 256 * 1024  # bytes; in /run, which is memory


class Kept:
    """The file in which a domain's console output is kept. Starts anew when it is full, so it may also shrink."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, data: bytes) -> None:
        """Append. Raises OSError."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._path.parent.glob(f"{self._path.stem}.*"):  # the app's domains before this one
                old.unlink(missing_ok=True)
        with self._path.open("ab") as file:
            if file.tell() + len(data) > _FILE:
                file.truncate(0)
            file.write(data)

    def read(self, offset: int, n: int) -> tuple[bytes, int]:
        """At most `n` bytes from `offset` on, and where they end."""
        try:
            with self._path.open("rb") as file:
                if offset > os.fstat(file.fileno()).st_size:
                    offset = 0
                file.seek(offset)
                data = file.read(n)
        except FileNotFoundError:
            return b"", 0
        return data, offset + len(data)

    def tail(self, n: int) -> int:
        """Where the last lines begin that have about `n` bytes."""
        size = self._path.stat().st_size if self._path.is_file() else 0
        if size <= n:
            return 0
        return size - n + self.read(size - n, n)[0].find(b"\n") + 1


class ConsoleTail:
    """Reads a guest's console terminal in the background until closed. xenconsoled holds what came before we looked."""

    def __init__(self, tty: Path | None, kept: Kept | None = None) -> None:
        self._bytes = bytearray()
        self._kept = kept
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
                if self._kept:
                    with contextlib.suppress(OSError):  # a full /run must not spoil a trial
                        self._kept.add(chunk)
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
