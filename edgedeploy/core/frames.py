"""Framing without I/O: messages as bytes on any ordered stream, and back.

A frame is two big-endian u32 lengths (head, body), the head (UTF-8 JSON object) and the body (raw bytes). The agent's
side of a stream opens with one BANNER line, so that a login message or a chatty shell before it is skipped, not parsed.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from edgedeploy.core import errors
from edgedeploy.core.greeting import BANNER, PROTOCOL

MAX_HEAD = 256 * 1024
MAX_BODY = 256 * 1024
MAX_PREFACE = 64 * 1024
_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a JSON object and raw bytes."""

    head: dict[str, object]
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """Bytes of one frame. Raises errors.Bug when it is larger than the far end would take."""
    head = json.dumps(frame.head, separators=(",", ":"), sort_keys=True).encode()
    if len(head) > MAX_HEAD or len(frame.body) > MAX_BODY:
        raise errors.Bug(f"frame too large: head {len(head)}, body {len(frame.body)} bytes")
    return _LENGTHS.pack(len(head), len(frame.body)) + head + frame.body


class Decoder:
    """Turns bytes, split anywhere, into frames. With `expect_banner` it first skips to the agent's banner."""

    def __init__(self, *, expect_banner: bool = False) -> None:
        self._buffer = bytearray()
        self._await_banner = expect_banner
        self.preface = b""
        """what came before the banner: shown to a person when no banner ever comes"""

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes, return the frames they complete. Raises errors.ProtocolMismatch on anything that is no frame."""
        self._buffer += data
        if self._await_banner and not self._skip_to_banner():
            return []
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _skip_to_banner(self) -> bool:
        start = self._buffer.find(BANNER)
        end = self._buffer.find(b"\n", start + len(BANNER)) if start >= 0 else -1
        if end < 0:
            self.preface = bytes(self._buffer[-MAX_PREFACE:])
            if len(self._buffer) > MAX_PREFACE:
                raise errors.ProtocolMismatch("the board sent text but no agent greeting", hint="edgedeploy enrol")
            return False
        version = bytes(self._buffer[start + len(BANNER) : end])
        self.preface = bytes(self._buffer[:start])
        del self._buffer[: end + 1]
        if version != str(PROTOCOL).encode():
            raise errors.ProtocolMismatch(
                f"the agent on the board speaks protocol {version[:20]!r}, this edgedeploy speaks {PROTOCOL}",
                hint="install this version's agent: edgedeploy enrol HOST",
            )
        self._await_banner = False
        return True

    def _next(self) -> Frame | None:
        if len(self._buffer) < _LENGTHS.size:
            return None
        head_size, body_size = _LENGTHS.unpack_from(self._buffer)
        if head_size > MAX_HEAD or body_size > MAX_BODY:
            raise errors.ProtocolMismatch(f"malformed frame: lengths {head_size} and {body_size}")
        end = _LENGTHS.size + head_size + body_size
        if len(self._buffer) < end:
            return None
        raw = bytes(self._buffer[_LENGTHS.size : _LENGTHS.size + head_size])
        body = bytes(self._buffer[_LENGTHS.size + head_size : end])
        del self._buffer[:end]
        try:
            head = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise errors.ProtocolMismatch(f"malformed frame: {error}") from None
        if not isinstance(head, dict):
            raise errors.ProtocolMismatch("malformed frame: the head is not an object")
        return Frame(head, body)
