"""Reads through a kernel's code: Xen's hypercall instruction, tell-tale texts, the payload of a zImage.

The hypercall instruction is HVC with XEN_HYPERCALL_TAG (public/arch-arm.h); every Xen guest has it in its
code, whatever language it was written in, and no other kernel tried did (facts: artefacts A5).
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from edgedeploy.core import lz4legacy, packing

PIECE = 1024 * 1024
PAYLOAD_LIMIT = 64 * 1024 * 1024
"""Three times the largest 32-bit kernel seen; its code must be within a branch's reach, 32 MB, anyway."""
_OVERLAP = 128  # no pattern below is longer
_PAYLOAD_TRIES = 12  # a codec's magic also occurs as text in the decompressor: the first hit can be false


class Source:
    """Random access to bytes or a seekable file; past the end there is nothing, and no error."""

    def __init__(self, data: bytes | BinaryIO) -> None:
        self.file: BinaryIO = io.BytesIO(data) if isinstance(data, bytes) else data
        self.size = self.file.seek(0, io.SEEK_END)

    def at(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`."""
        if not 0 <= offset < self.size:
            return b""
        self.file.seek(offset)
        return self.file.read(count)

    def word(self, offset: int, form: str = "<I") -> int:
        """One number in struct's `form` at `offset`; 0 where the file is too short."""
        raw = self.at(offset, struct.calcsize(form))
        return int(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else 0

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to `end` (or the file's end) in pieces of PIECE."""
        stop = self.size if end is None else min(end, self.size)
        for offset in range(start, stop, PIECE):
            yield self.at(offset, min(PIECE, stop - offset))


# One literal a pattern: `re` looks for its first byte with memchr(3), 3 GB/s; a choice of two it tries at every byte.
HVC = {
    "armv7l": ((re.compile(rb"\x71\xea\x40\xe1"), 4), (re.compile(rb"\xe0\xf7\xa1\x8e"), 2)),
    "aarch64": ((re.compile(rb"\x22\xd4\x01\xd4"), 4),),
}
"""HVC #0xEA1 as A32 and T32, and as A64; how instructions of that set are aligned."""
_MOST_HITS = 10_000  # in one piece; a kernel has some 14: a file of nothing else is not worth counting to its end
_NEEDLES = {
    word: re.compile(re.escape(text))
    for word, text in {
        "mirage": b"MirageOS",
        "mini-os": b"Mini-OS",
        "unikraft": b"Unikraft",
        "zephyr": b"Zephyr OS",
        "linux": b"Linux version ",
        "hypervisor": b"(XEN) ",
        "zimage": b"Uncompressing Linux",  # arch/arm/boot/compressed/misc.c
        "u-boot": b"U-Boot 20",
    }.items()
}
_LEVEL = re.compile(rb"ARMv(\d)")
_VERMAGIC = re.compile(rb"mod_unload [ -~]{0,40}\Z")  # in front of the level, and looked for only there


@dataclass(slots=True)
class Findings:
    """What a pass over the code found. `size`: bytes seen. `level`: "armv7", from Linux's vermagic."""

    hypercalls: int = 0
    level: str = ""
    seen: set[str] = field(default_factory=set)
    size: int = 0


def scan(pieces: Iterable[bytes], arch: str, words: Iterable[str] = _NEEDLES) -> Findings:
    """One pass over code of `arch`, for the tell-tale `words`; PackingError of an inflating iterator passes through."""
    found, tail, base = Findings(), b"", 0
    missing = {word: _NEEDLES[word] for word in words}
    for piece in pieces:
        data = tail + piece
        seen = [word for word, needle in missing.items() if needle.search(data)]
        found.seen.update(seen)
        for word in seen:
            del missing[word]
        for hvc, step in HVC.get(arch, ()):
            hits = islice(hvc.finditer(data, max(len(tail) - 3, 0)), _MOST_HITS)
            found.hypercalls += sum((base + hit.start()) % step == 0 for hit in hits)
        if arch in HVC and not found.level:
            found.level = _level(data)
        found.size += len(piece)
        tail = data[-_OVERLAP:]
        base += len(data) - len(tail)
    return found


def _level(data: bytes) -> str:
    for hit in islice(_LEVEL.finditer(data), _MOST_HITS):
        if _VERMAGIC.search(data, max(hit.start() - 51, 0), hit.start()):
            return "armv" + hit[1].decode()
    return ""


# Linux packs an ARM zImage by gzip, lzma, xz, lzo and lz4 (arch/arm/Kconfig: HAVE_KERNEL_*); zstd is the newest anywhere
_PAYLOAD_MAGICS = tuple(
    re.compile(magic, re.DOTALL)
    for magic in (
        rb"\x1f\x8b\x08",
        rb"\xfd7zXZ\0",
        rb"\x02\x21\x4c\x18",
        rb"\x28\xb5\x2f\xfd",
        rb"\x5d\0\0(?=..(?:\xff{8}|.{4}\0{4}))",
    )
)


def payload(
    src: Source, end: int, right: Callable[[Findings], bool], most: int = PAYLOAD_LIMIT
) -> tuple[Findings | None, bool]:
    """What a zImage's first `end` bytes hold packed, once `right` agrees; and if it ought to be readable.

    `most`: the bytes it may unpack to.
    Unreadable, and so not damaged, are codecs that this Python does not have: LZO never, LZ4 and zstd on the board.
    """
    spent = 0  # by all tries together: false hits must not cost a bomb each

    def bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal spent
        total = 0
        for piece in pieces:
            total += len(piece)
            spent += len(piece)
            if total > most or spent > PAYLOAD_LIMIT * 5 // 4:
                raise packing.PackingError("bomb", "the payload unpacks to too much")
            yield piece

    hits = _hits(src, end)
    for offset in hits:
        head = src.at(offset, 16)
        src.file.seek(offset)
        if head.startswith(lz4legacy.MAGIC):
            pieces = lz4legacy.inflate(src.file, end)
        else:
            pieces = packing.inflate(src.file, packing.detect(head), one_stream=True)
        try:
            found = scan(bounded(pieces), "armv7l", ["linux"])
        except packing.PackingError:
            continue
        if right(found):
            return found, True
    return None, not unreadable(src)


def unreadable(src: Source) -> bool:
    """Whether it holds the magic of a codec that is not here, near the start where the decompressor ends."""
    near = src.at(0, 256 * 1024)
    if b"\x89LZO\0\r\n" in near or (lz4legacy.MAGIC in near and not lz4legacy.available()):
        return True
    return b"\x28\xb5\x2f\xfd" in near and not packing.zstd_available()


def _hits(src: Source, end: int) -> list[int]:
    """Where a packed payload may begin: the first places with a codec's magic."""
    found: set[int] = set()  # a hit in the overlap is seen twice
    tail, base = b"", 0
    for piece in src.pieces(0, end):
        data = tail + piece
        found.update(base + hit.start() for magic in _PAYLOAD_MAGICS for hit in magic.finditer(data))
        tail = data[-15:]
        base += len(data) - len(tail)
        if len(found) > _PAYLOAD_TRIES:
            break
    return sorted(found)[:_PAYLOAD_TRIES]
