"""A wire opens a byte stream to a command on the board; what the bytes mean is none of its business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Traits:
    """What a caller may ask of a wire instead of its type."""

    label: str
    """for people: "ssh root@192.168.1.7", "local" """
    bytes_per_second: int | None = None
    """what the line can carry, None where nobody knows (a network)"""


class Stream(Protocol):
    """An ordered, reliable byte stream to one running command (its stdin and stdout)."""

    def read(self, n: int, timeout: float) -> bytes:
        """Return 1..n bytes as soon as any are there; b"" means the far end closed its stdout.

        Blocks at most `timeout` seconds, then raises TimeoutError (the stream stays usable).
        Raises WireFault when the wire is gone; after that every call raises it.
        """

    def write(self, data: bytes) -> None:
        """Write all of `data`, blocking as long as the far end takes it. Raises WireFault when the wire is gone."""

    def close_input(self) -> None:
        """Tell the command that no more input comes (EOF on its stdin). Idempotent."""

    def finish(self, timeout: float) -> tuple[int, bytes]:
        """Wait for the command's end: its exit status and the last 64 KiB of its stderr.

        Raises TimeoutError when it still runs after `timeout` seconds. Unread stdout is dropped.
        """

    def close(self) -> None:
        """Drop the stream; a command that still runs sees EOF and a hang-up. Idempotent, never raises."""


class Wire(Protocol):
    """A way to run commands on one board. `open` may be called repeatedly, one stream at a time or several at once."""

    @property
    def traits(self) -> Traits:
        """What this wire is like. Constant for the wire's life."""

    def open(self, argv: Sequence[str]) -> Stream:
        """Start a command, given as argv and never parsed by a shell on the way, and return its stream.

        Raises Unreachable when the board cannot be reached and HostKeyChanged when it is somebody else.
        A command that cannot be started shows as exit status 127 (126: not executable) in Stream.finish().
        """

    def close(self) -> None:
        """Close the wire and all of its streams. Idempotent, never raises."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
