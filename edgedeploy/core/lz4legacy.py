"""Unpacks what `lz4 -l` makes, the form inside Linux kernels, where the lz4 package is installed (not on the board).

Layout (Linux: lib/decompress_unlz4.c): the magic word, then blocks of at most 8 MiB, each after a word with its packed
size; nothing tells the end but the end. A zImage has the unpacked size behind it, which is no block.
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
from collections.abc import Iterator
from typing import BinaryIO

from edgedeploy.core.packing import PackingError

MAGIC = b"\x02\x21\x4c\x18"  # 0x184C2102
_BLOCK = 8 << 20
_MOST = _BLOCK + _BLOCK // 255 + 16
"""What 8 MiB that cannot be packed become (LZ4_COMPRESSBOUND)."""


def available() -> bool:
    """Whether this Python has lz4."""
    return importlib.util.find_spec("lz4") is not None


def inflate(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The unpacked blocks of the frame at the file's position; it ends before `end`. Raises PackingError."""
    if not available():
        raise PackingError("codec-unsupported", "this Python has no lz4", "pip install lz4")
    block = importlib.import_module("lz4.block")
    file.seek(len(MAGIC), 1)
    while len(head := file.read(4)) == 4:
        size = struct.unpack("<I", head)[0]
        if size == 0x184C2102:
            continue  # frames after one another
        if not 0 < size <= min(_MOST, end - file.tell()):
            return
        try:
            yield block.decompress(file.read(size), uncompressed_size=_BLOCK)
        except (block.LZ4BlockError, ValueError, MemoryError) as error:
            raise PackingError("codec-corrupt", f"the LZ4 data is damaged ({error})") from None
