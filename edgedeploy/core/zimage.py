"""The 32-bit ARM zImage: Linux', and the flat unikernels that borrow its header. Reads it from its own bytes.

Sources: tools/libs/guest/xg_dom_armzimageloader.c (what xl looks at), Linux's arch/arm/boot/compressed/head.S (header,
"KLSZ" table).
"""

from __future__ import annotations

from dataclasses import replace

from edgedeploy.core import scan
from edgedeploy.core.kernelinfo import KernelInfo, Kind, LinuxTags, describe, system_of


def read(src: scan.Source, *, deep: bool) -> KernelInfo:
    """What it is; `deep` as for kernel.probe."""
    start, end, size = src.word(0x28), src.word(0x2C), src.size
    declared = end - start
    marks = set()
    if src.word(0x30) == 0x01020304:
        marks.add("big-endian")
    if 0 < declared < size:
        marks.add("appended-dtb" if src.at(declared, 4) == b"\xd0\x0d\xfe\xed" else "trailing")
    info = KernelInfo(Kind.ZIMAGE32, size, "", "armv7l", declared=declared, start=start, tags=_tags(src))
    if deep:
        info = _code(src, info, marks)
    elif info.tags:
        info = replace(info, system="linux")
    return replace(info, what=describe(info, "a 32-bit ARM", "zImage", marks), marks=frozenset(marks))


def _tags(src: scan.Source) -> LinuxTags | None:
    """Its words: length, "KLSZ", where the inflated size is stored, bss, TEXT_OFFSET, MALLOC_SIZE."""
    table = src.word(0x38)
    if src.word(0x34) != 0x45454545 or src.word(table + 4) != 0x5A534C4B:
        return None
    # the first word counts the others: before 5 there was no TEXT_OFFSET
    offset = src.word(table + 16) if src.word(table) >= 5 else 0x8000
    return LinuxTags(src.word(src.word(table + 8)), src.word(table + 12), offset)


def _code(src: scan.Source, info: KernelInfo, marks: set[str]) -> KernelInfo:
    flat = scan.scan(src.pieces(0, info.declared if (info.declared or 0) > 0 else None), "armv7l")
    if "hypervisor" in flat.seen and not flat.hypercalls:
        marks.add("hypervisor")
        return replace(info, system="xen", hypercalls=flat.hypercalls)
    tags = info.tags

    def right(found: scan.Findings) -> bool:
        return found.size == tags.inflated if tags else found.size > info.size // 2 and "linux" in found.seen

    if flat.hypercalls and not tags:
        # code that is not packed: a unikernel, whatever its files (slides on Xen and Linux, say) hold or quote
        return replace(info, system=system_of(flat.seen), hypercalls=flat.hypercalls)
    if tags:
        inner, readable = scan.payload(src, src.word(src.word(0x38) + 8), right, tags.inflated)
    else:
        inner, readable = scan.payload(src, src.size, right)
    if inner is not None:
        kept = tags or LinuxTags(inner.size, 0, 0x8000)
        return replace(info, system="linux", hypercalls=inner.hypercalls, level=inner.level, tags=kept)
    if tags or "zimage" in flat.seen:
        if readable:
            marks.add("payload")
        return replace(info, system="linux")
    # no Linux table and nothing to unpack: a flat kernel without Xen, or an old Linux in a codec that is not here
    return replace(info, system=system_of(flat.seen), hypercalls=None if scan.unreadable(src) else 0)
