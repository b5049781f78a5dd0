"""Reads what core/cpio.py writes, and other initramfs archives: from a board, or anybody, so that nothing in them is believed.

A file of its own, because the writer's is part of what names the virtual board's image.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TRAILER = "TRAILER!!!"
MAGICS = (b"070701", b"070702")
HEADER = 110


def unpack(data: bytes, folder: Path) -> None:
    """Lay out archives that lie end to end below `folder`, the later over the earlier, as Linux does with a ramdisk.

    Only the executable bit of a file's mode is kept. Raises ValueError for what is no such archives, for a name that leaves the
    folder, or leads through a link, for a link that leads out, and for what is neither file, folder nor link.
    """
    for name, mode, content in _entries(data):
        path = folder / _checked(name)
        if any(parent.is_symlink() for parent in path.parents if parent != folder and parent.is_relative_to(folder)):
            raise ValueError(f"{name!r} leads through a link")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not (path.is_dir() and stat.S_ISDIR(mode))):
            path.unlink()
        if stat.S_ISDIR(mode):
            path.mkdir(exist_ok=True)
        elif stat.S_ISLNK(mode):
            target = content.decode(errors="surrogateescape")
            if not Path(os.path.normpath(path.parent / target)).is_relative_to(folder):  # an absolute one replaces what is before it
                raise ValueError(f"{name!r} is a link that leads out of the files of the release ({target})")
            path.symlink_to(target)
        elif stat.S_ISREG(mode):
            path.write_bytes(content)
            path.chmod(0o755 if mode & 0o100 else 0o644)
        else:
            raise ValueError(f"{name!r} is neither file, folder nor link")


def _entries(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Name, mode and content of each, without trailers and folders' own `.`."""
    at = 0
    while at < len(data):
        if not data.startswith(MAGICS, at):
            rest = data[at:].lstrip(b"\0")
            if not rest:
                return
            if at == 0 or not rest.startswith(MAGICS):
                raise ValueError("it is no cpio archive of the newc kind, or holds something else behind one")
            at = len(data) - len(rest)
        mode, size, length = (field(data, at + first) for first in (14, 54, 94))
        start = up(at + HEADER + length)
        if start + size > len(data):
            raise ValueError("it ends in the middle of a file")
        name = data[at + HEADER : at + HEADER + length].rstrip(b"\0").decode(errors="surrogateescape")
        if name not in (TRAILER, "."):
            yield name, mode, data[start : start + size]
        at = up(start + size)


def field(data: bytes, at: int) -> int:
    """A header's field, eight hexadecimal digits. Raises ValueError for anything else: int() takes signs and blanks, too."""
    digits = data[at : at + 8]
    if len(digits) != 8 or not digits.isalnum():
        raise ValueError("a header of the archive is damaged")
    return int(digits, 16)


def up(offset: int) -> int:
    """To the next multiple of four: so are headers and content aligned."""
    return -(-offset // 4) * 4


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or str(path) in (".", TRAILER):
        raise ValueError(f"{name!r} is no name inside an archive")
    return str(path)
