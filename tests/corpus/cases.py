"""What every file of the corpus must be told: one row a file, the verdict on a Cubieboard2 and on a Raspberry Pi 4.

A verdict is the codes of all misfits, in order; "" is a file that fits. The boards run different guests: ARMv7 ones
both, 64-bit ones only the second. Rows are made in three modules: from our own builders, from Debian's packages, and
from both by damaging and packing them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

Make = Callable[[], bytes]
ARM64_ONLY = "arm64-on-armv7"


@dataclass(frozen=True)
class Case:
    """`make` builds the file; `cubieboard2`, `rpi4`: codes; `warnings`: codes of fit.warnings about the file."""

    name: str
    make: Make
    cubieboard2: str = ""
    rpi4: str = ""
    memory_mb: int = 256
    ramdisk: Make | None = None
    warnings: str = ""


GROUPS = 2


def group(case: Case) -> int:
    """Which of the workers makes and reads its file."""
    return zlib.crc32(case.name.encode()) % GROUPS


def grouped(cases: Iterable[Case]) -> list[Any]:
    """Parameters that keep all that is asked about a file on one worker: each other one would make and read it again."""
    return [pytest.param(case, id=case.name, marks=pytest.mark.xdist_group(f"corpus {group(case)}")) for case in cases]


def both(name: str, make: Make, codes: str = "", **more: Any) -> Case:
    """The same verdict on both boards."""
    return Case(name, make, codes, codes, **more)


def wide(name: str, make: Make, codes: str = "", **more: Any) -> Case:
    """A 64-bit ARM thing: the ARMv7 board has one misfit more."""
    return Case(name, make, f"{ARM64_ONLY} {codes}".strip(), codes, **more)


def cut(data: bytes, size: int) -> bytes:
    """The first `size` bytes; the last ones are lost where it is negative."""
    return data[:size]


def word(data: bytes, offset: int, value: int, form: str = "<I") -> bytes:
    """`data` with one number changed."""
    raw = bytearray(data)
    struct.pack_into(form, raw, offset, value)
    return bytes(raw)


def flip(data: bytes, offset: int, count: int = 1) -> bytes:
    """`data` with `count` bytes inverted."""
    raw = bytearray(data)
    for at in range(offset, offset + count):
        raw[at] ^= 0xFF
    return bytes(raw)
