"""Reads what core/cpio.py writes, and other initramfs archives: from a board, or anybody, so that nothing in them is believed.

A file of its own, because the writer's is part of what names the virtual board's image.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_TRAILER = "TRAILER!!!"
_MAGICS = (b"070701", b"070702")
_HEADER = 110


def last_archive(data: bytes) -> tuple[int, list[str]] | None:
    """Where the last of the archives begins, and the names in it without the trailer; None for what is not archives alone."""
    at, start, found, inside = 0, 0, list[str](), False
    while at < len(data):
        if not data.startswith(_MAGICS, at):
            rest = data[at:].lstrip(b"\0")
            if inside or (rest and not rest.startswith(_MAGICS)):
                return None
            if not rest:
                break
            at = len(data) - len(rest)
            continue
        if not inside:
            start, found = at, []
        try:
            size, length = _field(data, at + 54), _field(data, at + 94)
        except ValueError:
            return None
        name = data[at + _HEADER : at + _HEADER + length].rstrip(b"\0").decode(errors="surrogateescape")
        inside = name != _TRAILER
        found += [name] if inside else []
        at = _up(_up(at + _HEADER + length) + size)
    return None if inside or at == 0 else (start, found)


def unpack(data: bytes, folder: Path) -> None:
    """Lay out archives that lie end to end below `folder`, the later over the earlier, as Linux does with a ramdisk.

    Only the executable bit of a file's mode is kept. Raises ValueError for what is no such archives, for a name that leaves the
    folder, or leads through a link, and for what is neither file, folder nor link.
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
            path.symlink_to(content.decode(errors="surrogateescape"))
        elif stat.S_ISREG(mode):
            path.write_bytes(content)
            path.chmod(0o755 if mode & 0o100 else 0o644)
        else:
            raise ValueError(f"{name!r} is neither file, folder nor link")


def _entries(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Name, mode and content of each, without trailers and folders' own `.`."""
    at = 0
    while at < len(data):
        if not data.startswith(_MAGICS, at):
            rest = data[at:].lstrip(b"\0")
            if not rest:
                return
            if at == 0 or not rest.startswith(_MAGICS):
                raise ValueError("it is no cpio archive of the newc kind, or holds something else behind one")
            at = len(data) - len(rest)
        mode, size, length = (_field(data, at + first) for first in (14, 54, 94))
        start = _up(at + _HEADER + length)
        if start + size > len(data):
            raise ValueError("it ends in the middle of a file")
        name = data[at + _HEADER : at + _HEADER + length].rstrip(b"\0").decode(errors="surrogateescape")
        if name not in (_TRAILER, "."):
            yield name, mode, data[start : start + size]
        at = _up(start + size)


def _field(data: bytes, at: int) -> int:
    """Eight hexadecimal digits. Raises ValueError for anything else: int() takes signs and blanks, too."""
    digits = data[at : at + 8]
    if len(digits) != 8 or not digits.isalnum():
        raise ValueError("a header of the archive is damaged")
    return int(digits, 16)


def _up(offset: int) -> int:
    return -(-offset // 4) * 4


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or str(path) in (".", _TRAILER):
        raise ValueError(f"{name!r} is no name inside an archive")
    return str(path)
