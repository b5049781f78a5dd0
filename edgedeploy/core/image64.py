"""The 64-bit ARM Image: Linux', with or without UEFI's PE header, and the unikernels that borrow its header.

Sources: tools/libs/guest/xg_dom_armzimageloader.c (what xl looks at), Linux's Documentation/arch/arm64/booting.rst.
"""

from __future__ import annotations

from dataclasses import replace

from edgedeploy.core import scan
from edgedeploy.core.kernelinfo import KernelInfo, Kind, describe, system_of


def read(src: scan.Source, *, deep: bool) -> KernelInfo:
    """What it is; `deep` as for kernel.probe."""
    magic = src.word(56) == 0x644D5241
    flags = src.word(24, "<Q") if magic else 0  # the first headers (V0, Linux < 3.17) had none
    marks = {"big-endian"} if flags & 1 else set()
    declared, efi = src.word(16, "<Q"), src.at(0, 2) == b"MZ"
    end, known = _pe_ends(src) if efi else (declared, declared)
    if efi and end > src.size:
        marks.add("cut")
    elif magic and 0 < known < src.size:
        tree = any(src.at(at, 4) == b"\xd0\x0d\xfe\xed" for at in (end, known))
        marks.add("appended-dtb" if tree else "trailing")
    info = KernelInfo(
        Kind.IMAGE64, src.size, "", "aarch64", declared=declared, text_offset=src.word(8, "<Q"),
        page_kb=(0, 4, 16, 64)[flags >> 1 & 3],
    )  # fmt: skip
    if deep:
        found = scan.scan(src.pieces(), "aarch64")
        if "hypervisor" in found.seen and not found.hypercalls:
            marks.add("hypervisor")
        system = "linux" if efi and "linux" in found.seen else system_of(found.seen)
        if system == "unikraft" and declared > src.size:
            marks.add("cut")  # its image_size leaves the BSS out (plat/xen/arm: _edata - start), Linux' does not
        info = replace(info, hypercalls=found.hypercalls, system=system)
    return replace(info, end=known or None, what=describe(info, "a 64-bit ARM", "Image", marks), marks=frozenset(marks))


def _pe_ends(src: scan.Source) -> tuple[int, int]:
    """Where the last section of a PE file ends, and what its certificates, which follow (Debian signs), add to that.

    A file shorter than the first was cut off, and xl would load it.
    """
    pe = src.word(0x3C)
    if src.at(pe, 4) != b"PE\0\0":
        return (pe + 4, pe + 4) if pe + 4 > src.size else (0, 0)
    optional = pe + 24
    table = optional + src.word(pe + 20, "<H")
    count = min(src.word(pe + 6, "<H"), 16)
    end = max((src.word(table + 40 * n + 20) + src.word(table + 40 * n + 16) for n in range(count)), default=0)
    # the fifth data directory of PE32+; others are not for 64-bit machines
    signed = src.word(optional + 144) + src.word(optional + 148) if src.word(optional, "<H") == 0x20B else 0
    return end, max(end, signed)
