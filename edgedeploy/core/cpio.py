"""Write initramfs archives: the "newc" cpio format, byte-reproducible; and tell whether one that was given is whole.

The kernel unpacks several archives laid end to end into one tree, so a base and the slides that go with it can be
packed apart and simply concatenated (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from edgedeploy.core.packing import PackingError

_TRAILER = "TRAILER!!!"
_BLOCK = 512
_MAGICS = (b"070701", b"070702")
_HEADER = 110


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or symbolic link. `mode` is a full st_mode; a link's target is its data."""

    name: str
    mode: int
    data: bytes = b""


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(name, stat.S_IFREG | mode, data)


def folder(name: str, mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(name, stat.S_IFDIR | mode)


def link(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def entries_of_tree(path: Path, prefix: str = "") -> list[Entry]:
    """Everything under `path`, named below `prefix`. Only the executable bit of a file's mode is kept.

    Folders, files and symbolic links; raises ValueError for anything else (a socket has no place in a ramdisk).
    """
    entries = []
    for item in sorted(path.rglob("*")):
        name = str(PurePosixPath(prefix) / item.relative_to(path).as_posix())
        mode = item.lstat().st_mode
        if stat.S_ISLNK(mode):
            entries.append(link(name, str(item.readlink())))
        elif stat.S_ISDIR(mode):
            entries.append(folder(name))
        elif stat.S_ISREG(mode):
            entries.append(file(name, item.read_bytes(), 0o755 if mode & 0o100 else 0o644))
        else:
            raise ValueError(f"{item} is neither file, folder nor link")
    return entries


def pack(entries: Iterable[Entry]) -> bytes:
    """One archive. Order in, times and owners do not matter: sorted, time 0, root's. Missing parents are added.

    Raises ValueError for a name that is absolute, leaves the tree, or comes twice.
    """
    by_name: dict[str, Entry] = {}
    for entry in entries:
        name = _checked(entry.name)
        if name in by_name:
            raise ValueError(f"{name!r} is in the archive twice")
        by_name[name] = entry
    for name in list(by_name):
        for parent in PurePosixPath(name).parents:
            if str(parent) != ".":
                by_name.setdefault(str(parent), folder(str(parent)))
    # Sorted by path components: a folder comes before what is in it, whatever characters the names have.
    names = sorted(by_name, key=lambda name: PurePosixPath(name).parts)
    parts = [_record(number, name, by_name[name]) for number, name in enumerate(names, start=1)]
    parts.append(_record(0, _TRAILER, Entry(_TRAILER, 0)))
    archive = b"".join(parts)
    return archive + bytes(-len(archive) % _BLOCK)


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or str(path) in (".", _TRAILER):
        raise ValueError(f"{name!r} is no name inside an archive")
    return str(path)


def _record(number: int, name: str, entry: Entry) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # magic, then: inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return header + bytes(-len(header) % 4) + entry.data + bytes(-len(entry.data) % 4)


def is_whole(file: BinaryIO) -> bool:
    """Whether the archives that a seekable file begins with are whole: each header leads to the next, or to the end.

    What is no cpio is whole: nothing is known of it. As for Linux, a trailer may be missing, and after one anything may
    follow. OSError passes through; nothing else is raised.
    """
    size, at, inside = file.seek(0, io.SEEK_END), 0, False
    while at < size:
        file.seek(at)
        header = file.read(_HEADER)
        if not header.startswith(_MAGICS):
            at = -1 if inside else _after_zeros(file, at)
            if at < 0:
                return not inside
            continue
        try:
            data, name = int(header[54:62], 16), int(header[94:102], 16)
        except ValueError:
            return False
        inside = file.read(len(_TRAILER) + 1) != _TRAILER.encode() + b"\0"
        end = at + _HEADER + name
        end = _up(end) + data if data else end
        if min(data, name) < 0 or end > size:
            return False
        at = _up(end)
    return True


def goes_on(error: PackingError) -> bool:
    """Whether all that is wrong with a packed file is that something else follows its packed data.

    The kernel takes such a ramdisk: its archives may each be packed in another way, or not at all.
    """
    return error.message.startswith("there is something else after")  # for gzip alone there is a code


def _after_zeros(file: BinaryIO, at: int) -> int:
    """Where, from `at`, another archive begins after padding; -1 where none does."""
    file.seek(at)
    while piece := file.read(1 << 16):
        if rest := piece.lstrip(b"\0"):
            start = file.tell() - len(rest)
            file.seek(start)
            return start if start > at and file.read(6) in _MAGICS else -1
    return -1


def _up(offset: int) -> int:
    return -(-offset // 4) * 4
