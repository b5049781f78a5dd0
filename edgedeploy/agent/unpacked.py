"""Unpacked artefacts on the board's disk: files named by their digest, whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from edgedeploy.core import files

MARGIN = 8 << 20
"""bytes of disk that are never ours: logs and state must still be writable"""


@contextlib.contextmanager
def arriving(folder: Path, name: Callable[[], str]) -> Iterator[BinaryIO]:
    """A new file to write; at the end it is in `folder`, read-only and on the disk, as `name()`. After an error it is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    fd, temporary = tempfile.mkstemp(prefix=".unpack.", dir=folder)
    try:
        with os.fdopen(fd, "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o444)
        os.replace(temporary, folder / name())
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    files.fsync_dir(folder)
