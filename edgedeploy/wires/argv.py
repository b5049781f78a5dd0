"""A command on its way to a board: argv in, checked once, quoted once."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from edgedeploy.core import errors


def checked(argv: Sequence[str]) -> list[str]:
    """The argv itself. Raises Bug for one that no system can start: empty, or with a NUL in it."""
    if isinstance(argv, str) or not argv or any("\0" in word for word in argv):
        raise errors.Bug(f"not a command: {argv!r}")
    return list(argv)


def quoted(argv: Sequence[str]) -> bytes:
    """The argv as one line for a POSIX shell. Raises Bug as `checked` does."""
    return shlex.join(checked(argv)).encode("utf-8", "surrogateescape")
