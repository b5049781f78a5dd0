"""The laptop's end of a guest's console: a ports.join.Line over the conversation with the agent."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from edgedeploy.core import errors, frames, messages
from edgedeploy.ports.join import Over
from edgedeploy.ports.wire import Stream

BEAT_S = 5.0
"""how often the agent hears from us; it gives a silent laptop up after agent.attach.SILENT_S"""
_LEAVE_S = 3.0
_POLL_S = 1.0
_MOST = 2 * messages.CONSOLE_WINDOW
"""bytes, and messages, that may wait for a terminal that stands still; an agent that keeps to the window sends half"""


class Attachment:
    """Use as a context manager. One thread of its own reads the stream; everything else is for one thread."""

    slice, pause = 1024, 0.0

    def __init__(
        self,
        told: messages.Attached,
        stream: Stream,
        come: list[frames.Frame],
        feed: Callable[[bytes], list[frames.Frame]],
        ended: Callable[[], errors.EdgeError],
    ) -> None:
        """`come` are frames that came with `told`; `ended` says why the stream ended."""
        self.told = told
        self._stream, self._feed, self._ended = stream, feed, ended
        self._near, self._far = socket.socketpair()  # what makes select see that something came
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._come: queue.SimpleQueue[frames.Frame | Exception] = queue.SimpleQueue()
        self._sent = self._taken = self._got = self._said = self._came = 0
        self._beat = time.monotonic()
        self._stop, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read, args=(come,), daemon=True)
        self._thread.start()

    # --- ports.join.Line ------------------------------------------------------------------------------------------

    @property
    def settled(self) -> bool:
        """As ports.join.Line.settled."""
        return self._taken == self._sent

    def fileno(self) -> int:
        """As ports.join.Line.fileno."""
        return self._near.fileno()

    def read(self) -> Sequence[bytes | str]:
        """As ports.join.Line.read. Raises what the agent failed with, or WireFault when contact is lost."""
        with contextlib.suppress(BlockingIOError):
            self._near.recv(4096)
        pieces: list[bytes | str] = []
        while not self._come.empty():
            item = self._come.get()
            if isinstance(item, Exception):
                if pieces:  # shown first; this comes again
                    self._come.put(item)
                    self._wake()
                    break
                raise item
            piece = self._piece(messages.from_frame(item), item.body)
            if piece:
                pieces.append(piece)
        return pieces

    def write(self, data: bytes) -> int:
        """As ports.join.Line.write: no more than the guest's side has room for."""
        room = messages.CONSOLE_WINDOW - (self._sent - self._taken)
        data = data[: max(0, room)]
        if data:
            self._send(messages.Chunk(), data)
            self._sent += len(data)
        return len(data)

    breaks = False

    def send_break(self) -> str:
        """As ports.join.Line.send_break. Xen's console ring carries bytes only."""
        return "a guest's console has no BREAK"

    def tick(self) -> Sequence[str]:
        """As ports.join.Line.tick: says what was shown, and that we are still here."""
        if self._said != self._got:
            self._said = self._got
            self._send(messages.Seen(self._got))
        elif time.monotonic() - self._beat > BEAT_S:
            self._send(messages.Chunk())
        return []

    # --- its life -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave: the board is told, and given a moment to say that it understood."""
        if not self._over.is_set():
            with contextlib.suppress(errors.WireFault):
                self._send(messages.Detach())
            self._over.wait(_LEAVE_S)
        self._stop.set()
        self._thread.join()
        self._near.close()
        self._far.close()

    def _send(self, message: messages.Message, body: bytes = b"") -> None:
        self._beat = time.monotonic()
        self._stream.write(frames.encode(messages.to_frame(message, body)))

    def _piece(self, message: messages.Message, body: bytes) -> bytes | str:
        if isinstance(message, messages.Chunk):
            self._got += len(body)
            return body
        if isinstance(message, messages.Event):
            return message.text
        if isinstance(message, messages.Seen):
            self._taken = min(message.count, self._sent)
            return b""
        raise errors.ProtocolMismatch(f"the agent sent {message.kind!r} to a console")

    def _read(self, come: list[frames.Frame]) -> None:
        try:
            while True:
                for frame in come:
                    self._sort(frame)
                with contextlib.suppress(TimeoutError):
                    data = self._stream.read(65536, _POLL_S)
                    if not data:
                        raise self._ended()
                    come = self._feed(data)
                    continue
                come = []
                if self._stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - raised again where it can be told
            self._over.set()
            self._come.put(error)
            self._wake()

    def _sort(self, frame: frames.Frame) -> None:
        kind = frame.head.get("kind")
        if kind in (messages.Failed.kind, messages.Detached.kind):
            message = messages.from_frame(frame)
            raise message.to_error() if isinstance(message, messages.Failed) else Over(_reason(message))
        self._came += len(frame.body)
        if self._came - self._said > _MOST or self._come.qsize() > _MOST:
            raise errors.ProtocolMismatch("the agent sent more than what was asked for", hint="`edgedeploy enrol` brings it up to date")
        self._come.put(frame)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it is awake
            self._far.send(b"!")


def _reason(message: messages.Message) -> str:
    return message.reason if isinstance(message, messages.Detached) else ""
