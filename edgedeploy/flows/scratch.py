"""A folder to work in that is gone afterwards: after a kill, too, when the next one comes by."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgedeploy.core import errors


def usual() -> Path:
    """Where temporary files go. Raises errors.UsageFault where nothing can be written."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        raise errors.UsageFault(
            "no folder for temporary files can be written", hint="make room, or set TMPDIR to a folder that has some"
        ) from None


@contextlib.contextmanager
def folder(above: Path, prefix: str) -> Iterator[Path]:
    """A new folder that only this user may enter; what killed ones of that `prefix` left is removed before.

    Each is locked by its process: the system takes that lock away, however the process ends.
    """
    for left in above.glob(f"{prefix}*"):
        with contextlib.suppress(OSError), _held(left):  # somebody else's, or one that is at work
            shutil.rmtree(left)
    with contextlib.ExitStack() as stack:
        made = _new(above, prefix, stack)
        stack.callback(shutil.rmtree, made, ignore_errors=True)
        yield made


def _new(above: Path, prefix: str, stack: contextlib.ExitStack) -> Path:
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
        try:
            stack.enter_context(_held(made))
        except OSError:  # another's tidying up came in between
            continue
        if made.exists():
            return made


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Raises OSError where another process holds it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)
