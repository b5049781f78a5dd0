"""What somebody sees who is at a guest's console."""

from __future__ import annotations

import select

from edgedeploy.remote.attached import Attachment
from tests.guard import USUAL_S, Guard


def until(line: Attachment, words: bytes | str, seconds: float = USUAL_S) -> bytes:
    """What the console writes, and (in brackets) what is said about it, up to `words`."""
    seen, limit = b"", Guard("", seconds)
    wanted = words if isinstance(words, bytes) else words.encode()
    while wanted not in seen:
        try:
            select.select([line.fileno()], [], [], min(0.1, limit.left))
        except AssertionError:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {words!r} on the console, in {seen!r}") from None
        line.tick()
        for piece in line.read():
            seen += piece if isinstance(piece, bytes) else f"[{piece}]".encode()
    return seen
