"""Read a Debian ARM zImage, and wrap its kernel so that an emulated machine need not decompress it.

Unpacking XZ costs seconds under emulation and nothing else changes: the wrapper is a zImage to Xen, with the kernel
inside as it is. It speeds up dom0 of the virtual board; guests are deployed with the genuine file.
"""

from __future__ import annotations

import lzma
import struct

_XZ = b"\xfd7zXZ\0"
_NOP = 0xE1A00000  # mov r0, r0
_MAGIC = 0x016F2818
_ENDIAN = 0x04030201
_TABLE_MAGIC = 0x45454545
_TABLE_TAG = 0x5A534C4B
_LOADED_AT = 0x8000  # where Xen's domain builder puts a zImage, counted from the start of memory
_STUB_BYTES = 23 * 4
_CHUNK = 32  # the stub copies eight words at a time


class NotAZImage(ValueError):
    """The file is not a zImage this program understands."""


def text_offset(zimage: bytes) -> int:
    """Where, counted from the start of memory, the kernel inside wants to lie (from the header's table)."""
    if len(zimage) < 0x40 or struct.unpack_from("<I", zimage, 0x24)[0] != _MAGIC:
        raise NotAZImage("no ARM zImage magic at 0x24")
    magic, table = struct.unpack_from("<II", zimage, 0x34)
    if magic != _TABLE_MAGIC or table + 20 > len(zimage):
        raise NotAZImage("no table in the zImage header (a kernel older than 5.9?)")
    _, tag, _, _, offset = struct.unpack_from("<5I", zimage, table)
    if tag != _TABLE_TAG:
        raise NotAZImage("the zImage header's table has an unknown tag")
    return int(offset)


def unpack(zimage: bytes) -> bytes:
    """The kernel inside, decompressed."""
    at = zimage.find(_XZ)
    while at >= 0:
        # The magic also is a string of the decompressor itself, so a hit may be none.
        try:
            return lzma.LZMADecompressor().decompress(zimage[at:])
        except lzma.LZMAError:
            at = zimage.find(_XZ, at + 1)
    raise NotAZImage("no XZ-compressed kernel inside")


def wrap(image: bytes, offset: int) -> bytes:
    """A zImage that holds `image` uncompressed and puts it at `offset`, where it usually already lies."""
    image += bytes(-len(image) % _CHUNK)
    header = offset - _LOADED_AT
    if header < 0x34 + _STUB_BYTES:
        raise NotAZImage(f"a text offset of {offset:#x} leaves no room for the header")
    head = struct.pack("<8I", *[_NOP] * 8)
    # A branch counts words from two instructions ahead: 0x20 -> 0x34.
    head += struct.pack("<5I", 0xEA000003, _MAGIC, 0, header + len(image), _ENDIAN)
    stub = _stub(offset, header, len(image))
    assert len(stub) == _STUB_BYTES
    return (head + stub).ljust(header, b"\0") + image


def _stub(offset: int, header: int, length: int) -> bytes:
    """Position-independent code at 0x34: copy the kernel to memory start + offset unless it is there, jump to it.

    r0..r2 carry the machine type and the device tree, so they are left alone.
    """
    start = 0x34
    code = (
        0xE1A0400F,  # mov   r4, pc             r4 = stub + 8
        0xE204533E,  # and   r5, r4, #0xf8000000     memory starts on a multiple of 128 MB
        0xE59F6040,  # ldr   r6, [offset]
        0xE0855006,  # add   r5, r5, r6         r5 = where the kernel belongs
        0xE1A0B005,  # mov   r11, r5
        0xE59F6038,  # ldr   r6, [image - (stub + 8)]
        0xE0846006,  # add   r6, r4, r6         r6 = where it is
        0xE1560005,  # cmp   r6, r5
        0x0A000005,  # beq   done
        0xE59F702C,  # ldr   r7, [length]
        0xE0867007,  # add   r7, r6, r7
        0xE8B67718,  # copy: ldm r6!, {r3, r4, r8-r10, r12-r14}
        0xE8A57718,  # stm   r5!, {r3, r4, r8-r10, r12-r14}
        0xE1560007,  # cmp   r6, r7
        0x3AFFFFFB,  # blo   copy
        0xE3A03000,  # done: mov r3, #0
        0xEE073F15,  # mcr   p15, 0, r3, c7, c5, 0   forget cached instructions
        0xF57FF04F,  # dsb
        0xF57FF06F,  # isb
        0xE1A0F00B,  # mov   pc, r11
        offset,
        header - (start + 8),
        length,
    )
    return struct.pack(f"<{len(code)}I", *code)
