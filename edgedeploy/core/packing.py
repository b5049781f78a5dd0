"""Packs and unpacks one layer of compression, streaming and bounded: a bomb costs neither memory nor disk.

Concatenated streams of one codec are one file (as pbzip2 and `cat a.gz b.gz` make), zero padding after the
end is ignored as gzip(1) and xz(1) do, anything else after the end is an error.
"""

from __future__ import annotations

import bz2
import hashlib
import importlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

CHUNK = 256 * 1024
LIMIT = 128 * 1024 * 1024
"""Default bound on unpacked bytes: four times the largest kernel seen (33 MB)."""
_STREAMS = 1024
"""Most streams in one file: each has its price, even an empty one. pbzip2 makes one of every 900 kB."""
MEMLIMIT = 96 * 1024 * 1024
"""For LZMA dictionaries: Linux payloads use 32 MiB, xz -9 uses 64 MiB."""


class PackingError(ValueError):
    """The packed data cannot be unpacked. A caller decides whose fault that is; `code` is a misfit's code."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Codec(StrEnum):
    """How a file is packed; the value is what manifests say."""

    NONE = "none"
    GZ = "gz"
    BZ2 = "bz2"
    XZ = "xz"
    LZMA = "lzma"
    ZST = "zst"

    @property
    def suffix(self) -> str:
        """What a packed file's name ends in: ".bz2", or "" where nothing is packed."""
        return "" if self is Codec.NONE else f".{self.value}"


class Unpacked(NamedTuple):
    """SHA-256 (hexadecimal) and size in bytes of the unpacked content."""

    sha256: str
    size: int


class _Inflater(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


def detect(head: bytes) -> Codec:
    """The codec by its magic; needs the first 16 bytes."""
    for codec, magic in (
        (Codec.GZ, b"\x1f\x8b\x08"),
        (Codec.XZ, b"\xfd7zXZ\0"),
        (Codec.ZST, b"\x28\xb5\x2f\xfd"),
    ):
        if head.startswith(magic):
            return codec
    # "BZh" alone starts too many texts: the block (or the empty stream's end) magic follows the level digit
    if head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return Codec.BZ2
    # .lzma has no magic: properties 0x5d (lc=3 lp=0 pb=2), then the size: unknown, or below 4 GiB
    if head[:3] == b"\x5d\0\0" and len(head) >= 13 and (head[5:13] == b"\xff" * 8 or head[9:13] == b"\0" * 4):
        return Codec.LZMA
    return Codec.NONE


def _zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):  # Python >= 3.14; the laptop has the second before
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    hint = "repack the file as .xz, .bz2 or .gz"
    raise PackingError("codec-unsupported", "this Python has no zstd (3.14 and later do)", hint)


def zstd_available() -> bool:
    """Whether this Python has zstd."""
    try:
        return _zstd() is not None
    except PackingError:
        return False


def _unzstd() -> Any:
    zstd = _zstd()
    # the window is memory that the file asks for: zstd's own bound of 128 MiB is over ours
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MEMLIMIT.bit_length() - 1})


def _inflater(codec: Codec) -> _Inflater:
    makers: dict[Codec, Callable[[], Any]] = {
        Codec.GZ: _Gunzip,
        Codec.BZ2: bz2.BZ2Decompressor,
        Codec.XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMLIMIT),
        Codec.LZMA: lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, MEMLIMIT),
        Codec.ZST: _unzstd,
    }
    inflater: _Inflater = makers[codec]()
    return inflater


class _Gunzip:
    """zlib's decompressor with the manners of the others: keeps input that did not fit the output."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))
        self.unused_data = self._inner.unused_data
        return out


def inflate(src: BinaryIO, codec: Codec, *, one_stream: bool = False) -> Iterator[bytes]:
    """Unpacked pieces of at most CHUNK bytes. `one_stream` stops at the first stream's end, whatever follows.

    Raises PackingError (codec-corrupt, gz-trailer, codec-unsupported) as the fault is met.
    """
    data = src.read(CHUNK)
    for _ in range(_STREAMS):
        inflater = _inflater(codec)
        while not inflater.eof:
            piece = _step(inflater, codec, data)
            data = b""
            if piece:
                yield piece
            elif not inflater.eof:
                data = src.read(CHUNK)
                if not data:
                    raise PackingError("codec-corrupt", f"the .{codec} data stops before its end", _AGAIN)
        if one_stream:
            return
        data = inflater.unused_data.lstrip(b"\0")
        while len(data) < 16 and (more := src.read(CHUNK)):
            data = (data + more).lstrip(b"\0")
        if not data:
            return
        if detect(data[:16]) is not codec:
            # gzip has a name of its own for it, because xl, which unpacks only gzip, dies of it (zlib's rc=-5); ours to
            # refuse is any: xz(1) and zstd(1) do too, and what follows a kernel's end may be the part that matters.
            # Several members, on the other hand, are one file to gzip(1) and to us: the agent unpacks, not xl.
            code = "gz-trailer" if codec is Codec.GZ else "codec-corrupt"
            raise PackingError(code, f"there is something else after the .{codec} data's end", _AGAIN)
    raise PackingError("bomb", f"it is more than {_STREAMS} .{codec} streams, one after another", _AGAIN)


_AGAIN = "copy or build the file again"


def _step(inflater: _Inflater, codec: Codec, data: bytes) -> bytes:
    try:
        return inflater.decompress(data, CHUNK)
    except (lzma.LZMAError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _damaged(codec, error) from None
    except Exception as error:  # compression.zstd's own error has no base in the standard library
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(codec, error) from None


def _damaged(codec: Codec, error: Exception) -> PackingError:
    if "emory" in str(error) and codec in (Codec.XZ, Codec.LZMA, Codec.ZST):  # their bound on memory, not the machine's
        said = f"unpacking needs over {MEMLIMIT >> 20} MB of memory"
        return PackingError("codec-unsupported", said, "repack it with xz -6")
    return PackingError("codec-corrupt", f"the .{codec} data is damaged ({error})", _AGAIN)


def unpack(src: BinaryIO, dst: BinaryIO, *, limit: int = LIMIT) -> Unpacked:
    """Unpack one layer from `src` (or copy, when it is not packed) to `dst`, both at their current positions.

    Reads and writes in pieces; at most `limit` bytes are written. Raises PackingError; `dst` is
    then part-written and the caller's to throw away. `src` must be able to seek back 16 bytes.
    """
    head = src.read(16)
    src.seek(-len(head), io.SEEK_CUR)
    codec = detect(head)
    pieces = iter(lambda: src.read(CHUNK), b"") if codec is Codec.NONE else inflate(src, codec)
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            hint = "a kernel is some 10 MB; is this a disk image?"
            raise PackingError("bomb", f"it unpacks to more than {limit >> 20} MB", hint)
        digest.update(piece)
        dst.write(piece)
    return Unpacked(digest.hexdigest(), size)


def pack(data: bytes | Path, codec: Codec) -> bytes:
    """Pack `data` (a Path is read whole): bz2 -9, xz -6, gz -9 without a time. Same input, same bytes.

    bz2 -9 is what the original deployment repositories hold, byte for byte (facts: artefacts B3).
    zst, with a checksum, raises PackingError where this Python has none.
    """
    raw = data.read_bytes() if isinstance(data, Path) else data
    if codec is Codec.GZ:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)  # wbits 31: a gzip header without name and time
        return packer.compress(raw) + packer.flush()
    if codec is Codec.BZ2:
        return bz2.compress(raw, 9)
    if codec is Codec.XZ:
        return lzma.compress(raw, lzma.FORMAT_XZ, preset=6)
    if codec is Codec.LZMA:
        return lzma.compress(raw, lzma.FORMAT_ALONE, preset=6)
    if codec is Codec.ZST:
        zstd = _zstd()
        return bytes(zstd.compress(raw, options={zstd.CompressionParameter.checksum_flag: 1}))
    return raw
