"""Files that survive a power cut: written whole, synced, renamed, and the folder synced too."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def fsync_dir(folder: Path) -> None:
    """Make a rename inside `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def atomic_write(
    path: Path, data: bytes, mode: int = 0o644, *, follow: bool = True, owner: tuple[int, int] | None = None
) -> None:
    """Replace `path` by `data` so that a reader, or a power cut, sees the old or the new content and nothing between.

    A link stays one, and what it leads to is replaced (dotfiles, an /etc that is read-only but for its links). `follow`
    False where somebody else may have made the link. `owner` (user and group) for a file that is not to be ours.
    """
    if follow and path.is_symlink():
        path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # not by tempfile, which imports shutil, random and all codecs: a tick of cron without news would pay for that
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            if owner:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a disk that is full does not say for which file
        raise
    fsync_dir(path.parent)


def write_if_changed(path: Path, data: bytes, mode: int = 0o644) -> bool:
    """atomic_write, but only where content or mode differ. True when something was written."""
    try:
        same = path.read_bytes() == data and (path.stat().st_mode & 0o7777) == mode
    except FileNotFoundError:
        same = False
    if not same:
        atomic_write(path, data, mode)
    return not same


def listed(folder: Path) -> list[str]:
    """The names of what is in a folder; none where it is gone.

    Not by Path.glob, which compiles an expression for each pattern: thousandths of a second of a small core's.
    """
    try:
        return os.listdir(folder)
    except OSError:
        return []


def sizes_and_ages(paths: Iterable[Path]) -> dict[Path, os.stat_result]:
    """stat of each of `paths`; what another process removed since they were listed is left out."""
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            found[path] = path.stat()
    return found


def aged(seen: Mapping[Path, os.stat_result], seconds: float) -> list[Path]:
    """Those that were last written so long ago.

    A board without a battery starts in 1970 and learns the time later: what was written before is not fifty years old. It
    is dated anew instead, so that its time begins now.
    """
    now = time.time()
    found = []
    for path, stat in seen.items():
        if stat.st_mtime < _NO_CLOCK < now and seconds:
            with suppress(OSError):
                os.utime(path)
        elif stat.st_mtime <= now - seconds:
            found.append(path)
    return found


_NO_CLOCK = 1577836800.0  # 2020-01-01: before there was an edgedeploy


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content in lower-case hexadecimal."""
    import hashlib  # noqa: PLC0415 - OpenSSL: a tenth of what the agent loads to say who it is

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_prefix(file: BinaryIO, size: int) -> bytes:
    """SHA-256 (32 bytes) of an open file's first `size` bytes, or of all where there are less."""
    import hashlib  # noqa: PLC0415 - as above

    digest = hashlib.sha256()
    file.seek(0)
    while size and (piece := file.read(min(size, 65536))):
        digest.update(piece)
        size -= len(piece)
    return digest.digest()


class Busy(Exception):
    """Somebody else holds the lock; `holder` is what they wrote into it."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def locked(path: Path, who: str, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock for the block's duration.

    flock, so that the kernel drops it with the process: no stale lock after a kill or a power cut. The file stays, its
    content says who holds it. Raises Busy when `wait` is false and it is taken.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened = path.open("a+")
        except FileNotFoundError:
            continue  # the folder went away between the two
        with opened as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                file.seek(0)
                raise Busy(file.read(200)) from None
            if not _is_at(file.fileno(), path):
                continue  # it went away, with its folder, while we waited: nobody else will ask for that one
            file.truncate(0)
            file.write(f"{who} (pid {os.getpid()})")
            file.flush()
            yield
            file.truncate(0)
            return


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
