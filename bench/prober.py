"""Somebody in the audience: asks for the page every 100 ms and writes down what came."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from types import TracebackType
from urllib.parse import urlsplit

INTERVAL = 0.1
PATIENCE = 2.0
"""of one request; the next ones start meanwhile, so a request that hangs hides nothing"""


class Prober:
    """While entered, keeps asking. Times are time.monotonic() at which a whole answer was there."""

    def __init__(self, url: str, old: str, new: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._old, self._new = old.encode(), new.encode()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask_on()), daemon=True)
        self.last_old = 0.0
        self.first_new = 0.0
        self._seen_old = threading.Event()
        self._seen_new = threading.Event()

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def await_old(self, timeout: float) -> bool:
        """Whether the old content was seen in time."""
        return self._seen_old.wait(timeout)

    def await_new(self, timeout: float) -> bool:
        """Whether the new content was seen in time."""
        return self._seen_new.wait(timeout)

    async def _ask_on(self) -> None:
        requests: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self._ended.is_set():
            task = asyncio.create_task(self._ask())
            requests.add(task)
            task.add_done_callback(requests.discard)
            due = max(due + INTERVAL, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
        for task in requests:
            task.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    async def _ask(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                self._judge(await self._get())

    async def _get(self) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"GET / HTTP/1.0\r\nHost: bench\r\n\r\n")
            return await reader.read(-1)
        finally:
            writer.close()

    def _judge(self, answer: bytes) -> None:
        now = time.monotonic()
        if not answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
            return
        if self._new in answer:
            self.first_new = self.first_new or now
            self._seen_new.set()
        elif self._old in answer:
            self.last_old = now
            self._seen_old.set()
