"""What is sent to a board: made once, in its smallest form, and kept until the board has taken it.

A transfer that was cut goes on from the last byte the board has, which holds only for the very same bytes. They are made
the same way again (depot/bundle.py), but not by another git or liblzma: a laptop that was updated between two tries. So
the made file stays in the cache folder, under a name of what it is, until the board has taken it in. No more than KEEP
such files, and none older than the board keeps its half (a week): what was given up goes by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import lzma
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgedeploy.core import files
from edgedeploy.core.names import CommitId
from edgedeploy.depot.repo import Depot
from edgedeploy.ports import folders

KEEP = 8
"""files; a laptop rarely has more than one talk on its way"""
WEEK_S = 7 * 86400.0
_FORM = 1
"""changes when the same commits become other bytes on purpose"""
_DICTIONARY = 16 << 20
"""bytes; what the board's liblzma needs as memory beside it is small"""


@dataclass(frozen=True, slots=True)
class CachedBundle:
    """A file to send, until it is dropped. It is open: another push of the same may drop it at any time."""

    path: Path
    file: BinaryIO
    size: int


@contextlib.contextmanager
def bundle(depot: Depot, have: Collection[CommitId], *, small: bool) -> Iterator[CachedBundle | None]:
    """What a board with the commits `have` lacks; None when it lacks nothing. Raises as Depot.bundle.

    `small`: the line is slow, and the board unpacks xz. Call `drop` when it was taken in, or was refused.
    """
    with ExitStack() as stack:
        folder = _folder() or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / _name(depot, have, small=small)
        file = _open(path)
        if file is None:
            data = depot.bundle(have)
            if data is None:
                yield None
                return
            if small:
                stored = depot.bundle(have, stored=True)
                assert stored is not None
                data = min(data, pack(stored), key=len)
            files.atomic_write(path, data, 0o600)
            file = _open(path) or io.BytesIO(data)
        size = stack.enter_context(file).seek(0, io.SEEK_END)
        file.seek(0)
        yield CachedBundle(path, file, size)


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def drop(cached: CachedBundle | None) -> None:
    """It was taken in, or refused: it need not be sent again."""
    if cached:
        with contextlib.suppress(OSError):
            cached.path.unlink()


def sending(size: int, rate: int | None) -> str:
    """The step's title: on a slow line (`rate` in bytes/s) how much it is and about how long that takes."""
    if rate is None:
        return "sending what the board lacks"
    seconds = size / max(rate, 1)
    amount = f"{size} bytes" if size < 1000 else f"{size / 1000:.0f} kB"
    took = "a second" if seconds < 1.5 else f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"sending {amount}, about {took}"


def pack(stored: bytes) -> bytes:
    """xz, as small as it gets, in a dictionary no larger than the data: the board needs as much memory."""
    size = max(lzma_dictionary(len(stored)), 4096)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": size}]
    return lzma.compress(stored, lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, filters=filters)


def lzma_dictionary(size: int) -> int:
    """The next power of two, at most 16 MiB."""
    return min(1 << max(0, size - 1).bit_length(), _DICTIONARY)


def _name(depot: Depot, have: Collection[CommitId], *, small: bool) -> str:
    said = "\n".join([str(_FORM), depot.head(), depot.branch, str(small), *sorted(have)])
    return hashlib.sha256(said.encode()).hexdigest()[:40]


def _folder() -> Path | None:
    """The place for made files, tidied; None where nothing can be kept: then a try that is cut begins again."""
    folder = folders.cache_dir() / "bundles"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        seen = files.sizes_and_ages(folder.iterdir())
        kept = sorted(seen, key=lambda path: seen[path].st_mtime, reverse=True)
        for number, path in enumerate(kept):
            if number >= KEEP or time.time() - seen[path].st_mtime > WEEK_S:
                path.unlink(missing_ok=True)
    except OSError:
        return None
    return folder
