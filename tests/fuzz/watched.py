"""A file that says when it is read in a way that a check must not read."""

from __future__ import annotations

import io

from edgedeploy.core import packing, scan
from tests.fuzz.target import ensure

PIECE = max(scan.PIECE, packing.CHUNK)
HEADERS = 192 * 1024
"""Reads of headers come on top: an ELF's notes and its section names, 64 KB each at most, and small tables."""


class Watched:
    """Bytes as a file. Fails on a read without a bound, on a seek outside the file, and on reading it over and over.

    `times`: how many times its size may be read in all.
    """

    def __init__(self, data: bytes, times: int) -> None:
        self._inner = io.BytesIO(data)
        self._size = len(data)
        self._left = times * len(data) + HEADERS
        self.total = 0

    def read(self, count: int = -1, /) -> bytes:
        ensure(0 <= count <= PIECE, "read of", count, "bytes at", self._inner.tell())
        piece = self._inner.read(count)
        self.total += len(piece)
        ensure(self.total <= self._left, self.total, "bytes read of a file of", self._size)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = (0, self._inner.tell(), self._size)[whence]
        ensure(0 <= base + offset <= self._size, "seek to", base + offset, "in a file of", self._size)
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()


class Bounded(io.BytesIO):
    """A file to write to that holds at most `limit` bytes and takes at most CHUNK at a time."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: bytes, /) -> int:
        ensure(len(data) <= packing.CHUNK, "a write of", len(data), "bytes")
        ensure(self.tell() + len(data) <= self._limit, "more written than the limit of", self._limit)
        return super().write(data)
