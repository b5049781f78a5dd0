"""Somebody in the audience: asks for the page 20 times a second, each time anew, and writes down what came."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

INTERVAL = 0.05
PATIENCE = 2.0
"""of one request; the next ones start meanwhile, so a request that hangs hides nothing"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. Times are time.monotonic(); `mark` is "old", "new", or "" for no right answer."""

    began: float
    ended: float
    mark: str


class Prober:
    """While entered, keeps asking. Without `new` the old content alone is right."""

    def __init__(self, url: str, old: str, new: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._marks = {mark: words.encode() for mark, words in (("new", new), ("old", old)) if words}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask_on()), daemon=True)
        self._seen = {mark: threading.Event() for mark in self._marks}
        self.asked: list[Asked] = []
        """in the order of their ends"""

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def saw(self, mark: str, timeout: float) -> bool:
        """Whether the old or the new content was seen in time."""
        return self._seen[mark].wait(timeout)

    async def _ask_on(self) -> None:
        requests: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self._ended.is_set():
            task = asyncio.create_task(self._ask())
            requests.add(task)
            task.add_done_callback(requests.discard)
            due = max(due + INTERVAL, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
        await asyncio.gather(*requests, return_exceptions=True)

    async def _ask(self) -> None:
        began, mark = time.monotonic(), ""
        try:
            async with asyncio.timeout(PATIENCE):
                mark = self._judge(await self._get())
        except (OSError, TimeoutError):
            pass
        self.asked.append(Asked(began, time.monotonic(), mark))
        if mark:
            self._seen[mark].set()

    async def _get(self) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"GET / HTTP/1.0\r\nHost: bench\r\n\r\n")
            return await reader.read(-1)
        finally:
            writer.close()

    def _judge(self, answer: bytes) -> str:
        if not answer.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
            return ""
        return next((mark for mark, words in self._marks.items() if words in answer), "")
