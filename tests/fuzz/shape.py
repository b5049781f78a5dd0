"""Puts structure back into mutated bytes: libFuzzer would need ages to guess two pointers and a length at once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

from edgedeploy.core import packing
from edgedeploy.core.packing import Codec
from tests import kernels

CODECS = (Codec.GZ, Codec.BZ2, Codec.XZ, Codec.LZMA)


def _put(data: bytearray, at: int, raw: bytes) -> None:
    if len(data) < at + len(raw):
        data.extend(bytes(at + len(raw) - len(data)))
    data[at : at + len(raw)] = raw


def _zimage(data: bytearray, rng: Random) -> None:
    _put(data, 0x24, struct.pack("<I", 0x016F2818))
    if rng.random() < 0.7:  # an honest end, or nearly
        start = rng.choice((0, 0, 0x40008000, 0x8000, 0xFFFFFFF0))
        end = (start + len(data) + rng.choice((0, 0, 0, -4, 4, -64))) & 0xFFFFFFFF
        _put(data, 0x28, struct.pack("<III", start, end, rng.choice((0x04030201, 0x04030201, 0x01020304))))


def _tags(data: bytearray, rng: Random) -> None:
    _zimage(data, rng)
    _put(data, 0x3C, b"")
    table = rng.randrange(0x3C, len(data) + 1)
    words = (6, 0x5A534C4B, rng.randrange(0x3C, len(data) + 32), rng.getrandbits(rng.choice((8, 20, 32))), 0x208000, 0)
    _put(data, table, struct.pack("<6I", *words))
    _put(data, 0x34, struct.pack("<II", 0x45454545, table))


def _payload(data: bytearray, rng: Random) -> None:
    """A tail that unpacks, with its size behind it as Linux has it, and sometimes the table that says so."""
    inner = kernels.linux_payload(xen=rng.random() < 0.5, level=rng.randrange(4, 9), size=rng.randrange(300, 900))
    packed = bytearray(packing.pack(inner, rng.choice(CODECS)))
    if rng.random() < 0.3:
        packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
    del data[max(0x80, rng.randrange(0x80, 0x400)) :]
    _put(data, 0x80, b"")
    data += packed
    at = len(data)
    data += struct.pack("<I", len(inner))
    _put(data, 0x40, struct.pack("<6I", 6, 0x5A534C4B, at, 0, 0x8000, 0))
    _put(data, 0x34, struct.pack("<II", 0x45454545, 0x40) if rng.random() < 0.7 else b"\0" * 8)
    _zimage(data, rng)


def _image64(data: bytearray, rng: Random) -> None:
    _put(data, 0, struct.pack("<I", rng.choice((0x14000000, 0x14000008, 0xFA405A4D))))
    offset = rng.choice((0, 0, 0x80000, 0x1000, 0x800, 0x400, 0x123, 1 << 40))
    _put(data, 8, struct.pack("<QQQ", offset, abs(len(data) + rng.choice((0, 4096, -8))), rng.randrange(16)))
    _put(data, 56, b"ARM\x64")
    if rng.random() < 0.5:
        pe = rng.randrange(0x40, 0x90)
        _put(data, 0x3C, struct.pack("<I", pe))
        _put(data, pe, struct.pack("<4sHH12xHH", b"PE\0\0", rng.choice((0xAA64, 0x8664)), rng.randrange(20), 0, 0))


def _elf(data: bytearray, rng: Random) -> None:
    """A header whose tables lie inside the file; the tables themselves stay the fuzzer's."""
    wide, order = rng.random() < 0.5, rng.choice("<<<>")
    machine = rng.choice((3, 62, 40, 40, 183, 183, 243, 0, 0xFFFF))
    form = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    size = max(len(data), 64)
    rows = rng.choice(((56, 64) if wide else (32, 40),) * 4 + ((rng.randrange(300), rng.randrange(300)), (0, 0)))
    counts = (64, rows[0], rng.choice((1, 3, 200, 65535)), rows[1], rng.choice((0, 2, 4, 65535)), rng.randrange(5))
    tables = (rng.randrange(size), rng.randrange(size))
    kind = rng.choice((1, 2, 2, 2, 3))
    _put(data, 0, b"\x7fELF" + bytes((2 if wide else 1, 2 if order == ">" else 1, 1)))
    _put(data, 16, struct.pack(form, kind, machine, 1, 0, *tables, 0, *counts))
    if rng.random() < 0.5:
        name, n_type = rng.choice(((b"Xen", 18), (b"Xen", 6), (b"Solo5", 0x31494241), (b"GNU", 3)))
        raw = kernels.note(name, n_type, struct.pack("<I", rng.randrange(9)))
        at = rng.randrange(size)
        _put(data, at, raw)
        row = (rng.choice((4, 4, 3, 1)), 0, at, 0, 0, rng.choice((len(raw), 0xFFFF, 1 << 20)))
        _put(
            data,
            tables[0],
            struct.pack(order + "IIQQQQ", *row) if wide else struct.pack(order + "IIIII", 4, at, 0, 0, 99),
        )


_KERNELS: tuple[Callable[[bytearray, Random], None], ...] = (_zimage, _tags, _payload, _image64, _elf)


def kernel(data: bytearray, rng: Random) -> bytes:
    """One of the kernel formats, in half of the cases; else the mutator's own bytes."""
    if rng.random() < 0.5:
        rng.choice(_KERNELS)(data, rng)
    return bytes(data)


def elf(data: bytearray, rng: Random) -> bytes:
    """An ELF header, in most cases."""
    if rng.random() < 0.8:
        _elf(data, rng)
    return bytes(data)


def zimage(data: bytearray, rng: Random) -> bytes:
    """A zImage that holds something packed, in most cases."""
    if rng.random() < 0.8:
        rng.choice((_payload, _payload, _tags))(data, rng)
    return bytes(data)


def packed(data: bytearray, rng: Random) -> bytes:
    """A valid stream made of the bytes, sometimes damaged, cut, doubled or followed by something."""
    if rng.random() < 0.4:
        return bytes(data)
    codec = rng.choice(CODECS)
    raw = bytearray(packing.pack(bytes(data[:2048]), codec))
    match rng.randrange(6):
        case 0:
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        case 1:
            del raw[rng.randrange(len(raw)) :]
        case 2:
            raw += packing.pack(bytes(rng.randrange(3000)), rng.choice((codec, *CODECS)))
        case 3:
            raw += bytes(rng.randrange(40)) + data[:8]
        case 4:
            raw = bytearray(packing.pack(bytes(rng.randrange(1 << 17)), codec))
        case _:
            pass
    return bytes(raw)


def behind(prefix: int, inner: Callable[[bytearray, Random], bytes]) -> Callable[[bytearray, Random], bytes]:
    """`inner` for what follows the first `prefix` bytes."""

    def shaped(data: bytearray, rng: Random) -> bytes:
        return bytes(data[:prefix]).ljust(prefix, b"\0") + inner(data[prefix:], rng)

    return shaped
