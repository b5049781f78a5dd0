"""Drains a command's stderr so that the command never blocks on it, and remembers the end."""

from __future__ import annotations

import threading
from collections.abc import Callable

TAIL_BYTES = 64 * 1024
"""what ports.wire.Stream.finish promises"""


class Tail:
    """Reads until b"" or an OSError, in a thread of its own."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._kept = b""
        self._thread = threading.Thread(target=self._drain, name="stderr", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        try:
            while data := self._read(TAIL_BYTES):
                self._kept = (self._kept + data)[-TAIL_BYTES:]
        except OSError:
            pass  # closed under our hands: what came until then is the tail

    def text(self, timeout: float) -> bytes:
        """The last 64 KiB; waits at most `timeout` seconds for the far end to close."""
        self._thread.join(timeout)
        return self._kept
