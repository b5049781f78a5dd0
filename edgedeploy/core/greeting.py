"""The line by which the agent opens its side of a conversation. Apart from frames.py, so that it can be said at once."""

from __future__ import annotations

PROTOCOL = 1
BANNER = b"\nedgedeploy-agent/"


def banner(version: int = PROTOCOL) -> bytes:
    """The line by which the agent says that from here on frames follow."""
    return BANNER + str(version).encode() + b"\n"
