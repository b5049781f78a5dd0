"""Notices a network that died without a word: no packet says so, only silence does.

Works through jump hosts too, where the TCP connection that we hold is healthy. Silence counts only while we
wait for an answer, and bytes that still flow in either direction are life: a slow line is not a dead one.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import paramiko

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SILENCE = 15.0
"""seconds without a sign of life after a question, until all is lost; we ask three times as often"""


class Metered(socket.socket):
    """A socket that remembers when a byte last moved, and how many were heard. Takes over the one it is given."""

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(fileno=taken.detach())
        self.moved_at = time.monotonic()
        self.heard = 0

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """As socket.send."""
        sent = super().send(data, flags)
        self.moved_at = time.monotonic()
        return sent

    def recv(self, n: int, flags: int = 0, /) -> bytes:
        """As socket.recv."""
        data = super().recv(n, flags)
        self.moved_at = time.monotonic()
        self.heard += len(data)
        return data


class Heartbeat:
    """Asks the server for a sign of life; calls `on_death` once after `silence` seconds without one."""

    def __init__(
        self,
        transport: paramiko.Transport,
        meter: Metered,
        silence: float,
        on_death: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._meter = meter
        self._on_death = on_death
        self._silence = silence
        self._asked_at: float | None = None
        self._stop = threading.Event()
        for work in (self._ask, self._watch):
            threading.Thread(target=work, name="ssh heartbeat", daemon=True).start()

    def stop(self) -> None:
        """End both threads soon. Idempotent."""
        self._stop.set()

    def _ask(self) -> None:
        # blocks while the line is dead, which is why somebody else holds the watch
        while not self._stop.wait(self._silence / 3) and self._transport.is_active():
            self._asked_at = time.monotonic()
            try:
                self._transport.global_request("keepalive@openssh.com", wait=True)
            except (OSError, EOFError, paramiko.SSHException):
                return  # the transport is ending, and tells its streams itself
            self._asked_at = None

    def _watch(self) -> None:
        while not self._stop.wait(min(1.0, self._silence / 5)) and self._transport.is_active():
            asked_at = self._asked_at
            if asked_at is not None:
                quiet = time.monotonic() - max(asked_at, self._meter.moved_at)
                if quiet > self._silence:
                    self._on_death()
                    return
