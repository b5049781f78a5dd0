"""Says what a kernel file is, from its own bytes. Pure; runs on the laptop, and on the board before the swap.

Sources: tools/libs/guest/xg_dom_armzimageloader.c (what xl looks at), Linux's arm64/booting.rst and
arch/arm/boot/compressed/head.S (headers, the "KLSZ" table).
Nothing here raises on strange bytes: what cannot be read is "unknown". Files are read in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import BinaryIO

from edgedeploy.core import elf, foreign, packing, scan


class Kind(StrEnum):
    """What a file is by its header."""

    ZIMAGE32 = "zimage32"
    IMAGE64 = "image64"
    ELF = "elf"
    BZIMAGE = "bzimage"
    UIMAGE = "uimage"
    FIT = "fit"
    DTB = "dtb"
    INITRAMFS = "initramfs"
    PACKED = "packed"
    LFS_POINTER = "lfs-pointer"
    HTML = "html"
    ZBOOT = "zboot"
    EFI = "efi"
    EMPTY = "empty"
    OTHER = "other"
    """Recognised, and neither a kernel nor a ramdisk: a picture, an archive, a text."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LinuxTags:
    """What a zImage needs to unpack itself, in bytes (the KLSZ table, Linux >= 4.15)."""

    inflated: int
    bss: int
    text_offset: int


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """One file, read. Sizes in bytes.

    `arch`: armv7l, aarch64, x86-64 … or "". `declared`: the size in its header. `start`: a zImage entry.
    `hypercalls`: Xen hypercall instructions found in its code; None when the code could not be read.
    `end`: where a 64-bit Image's file ought to end, None when nothing tells.
    `marks`: words that core/fit.py has a reason for (big-endian, appended-dtb, hypervisor, objcopy, …).
    """

    kind: Kind
    size: int
    what: str
    arch: str = ""
    system: str = ""
    declared: int | None = None
    start: int | None = None
    text_offset: int = 0
    page_kb: int = 0
    level: str = ""
    target: str = ""
    hypercalls: int | None = None
    tags: LinuxTags | None = None
    end: int | None = None
    marks: frozenset[str] = field(default_factory=frozenset)

    @property
    def xen_guest(self) -> bool | None:
        """Whether it knows how to be a Xen guest on ARM; None when that could not be found out."""
        return None if self.hypercalls is None else self.hypercalls > 0


def probe(data: bytes | BinaryIO, *, deep: bool = True) -> KernelInfo:
    """Say what `data` (bytes, or a seekable file, read from its start) is.

    Unpacked content is expected: of a packed file it says only that. `deep` also reads the code, unpacking a
    zImage's payload (Debian's: 0.5 s on a laptop, some 10 s on a Cortex-A7); without it `hypercalls` is None.
    OSError from the file passes through; nothing else is raised.
    """
    src = scan.Source(data)
    head = src.at(0, 4096)
    if not head.strip(b"\0") and not any(piece.strip(b"\0") for piece in src.pieces(0, None if deep else 64 * 1024)):
        zeros = "a file of zeros" if deep or src.size <= 64 * 1024 else "a file that begins with zeros alone"
        return KernelInfo(Kind.EMPTY, src.size, zeros if head else "an empty file")
    if head.startswith(b"\x1f\x8b"):
        # whatever follows: xl unpacks what begins so (xg_dom_core.c: xc_dom_check_gzip) before it looks for a kernel
        broken = head[2:3] != b"\x08"
        marks = frozenset({"codec-corrupt"}) if broken else frozenset()
        return KernelInfo(Kind.PACKED, src.size, "a damaged .gz file" if broken else "a .gz file", marks=marks)
    # in xl's order: ARM64 is asked first. 0x14000008 begins headers older than the magic (Linux < 3.12); it takes both
    if src.size >= 64 and (src.word(56) == 0x644D5241 or src.word(0) == 0x14000008):
        return _image64(src, deep)
    if src.word(0x24) == 0x016F2818 and src.size >= 0x30:
        return _zimage(src, deep)
    if head[0x24:0x28] == b"\x01\x6f\x28\x18":
        marks = frozenset({"big-endian"})
        return KernelInfo(Kind.ZIMAGE32, src.size, "a big-endian 32-bit ARM kernel", "armv7l", marks=marks)
    if head.startswith(b"\x7fELF"):
        return _elf(src, head, deep)
    return _boot_file(src, head) or _other(src, head, deep)


def _boot_file(src: scan.Source, head: bytes) -> KernelInfo | None:
    """Kernels for other loaders than xl's: x86's, RISC-V's, and what only UEFI starts."""
    machine = _pe_machine(src) if head[:2] == b"MZ" else 0
    if head[0x202:0x206] == b"HdrS":
        return KernelInfo(Kind.BZIMAGE, src.size, "an x86 Linux kernel (bzImage)", "x86-64")
    if head[0x30:0x35] == b"RISCV":  # Linux: arch/riscv/include/asm/image.h
        return KernelInfo(Kind.UNKNOWN, src.size, "a RISC-V Linux kernel", "RISC-V")
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        # drivers/firmware/efi/libstub/zboot-header.S: a kernel packed inside a UEFI program
        codec = head[24:56].split(b"\0", 1)[0].decode("ascii", "replace")
        spoken = (
            f"a packed ({codec}) kernel for UEFI (EFI zboot)" if codec.isalnum() else "a kernel for UEFI (EFI zboot)"
        )
        return KernelInfo(Kind.ZBOOT, src.size, spoken, "aarch64" if machine == 0xAA64 else "")
    if machine:
        return KernelInfo(Kind.EFI, src.size, "a UEFI program (a boot loader?)", _EFI.get(machine, ""))
    return None


_EFI = {0xAA64: "aarch64", 0x1C0: "armv7l", 0x1C2: "armv7l", 0x1C4: "armv7l", 0x8664: "x86-64", 0x14C: "x86"}
"""IMAGE_FILE_MACHINE_* of the PE format."""


def _other(src: scan.Source, head: bytes, deep: bool) -> KernelInfo:
    name, what = foreign.name(head)
    kind = Kind(name)
    if kind is Kind.UNKNOWN and deep:
        found = scan.scan(src.pieces(), "", ["u-boot"])
        if found.seen:
            what = "a U-Boot boot loader"
    unknown = kind is Kind.PACKED and packing.detect(head[:16]) is packing.Codec.NONE
    marks = {"codec-unsupported"} if unknown else ()
    return KernelInfo(kind, src.size, what, marks=frozenset(marks))


def _pe_machine(src: scan.Source) -> int:
    offset = src.word(0x3C)
    return src.word(offset + 4, "<H") if src.at(offset, 4) == b"PE\0\0" else 0


def _zimage(src: scan.Source, deep: bool) -> KernelInfo:
    start, end, size = src.word(0x28), src.word(0x2C), src.size
    declared = end - start
    marks = set()
    if src.word(0x30) == 0x01020304:
        marks.add("big-endian")
    if 0 < declared < size:
        marks.add("appended-dtb" if src.at(declared, 4) == b"\xd0\x0d\xfe\xed" else "trailing")
    info = KernelInfo(Kind.ZIMAGE32, size, "", "armv7l", declared=declared, start=start, tags=_tags(src))
    if deep:
        info = _zimage_code(src, info, marks)
    elif info.tags:
        info = replace(info, system="linux")
    return replace(info, what=_describe(info, "a 32-bit ARM", "zImage", marks), marks=frozenset(marks))


def _tags(src: scan.Source) -> LinuxTags | None:
    """Its words: length, "KLSZ", where the inflated size is stored, bss, TEXT_OFFSET, MALLOC_SIZE."""
    table = src.word(0x38)
    if src.word(0x34) != 0x45454545 or src.word(table + 4) != 0x5A534C4B:
        return None
    # the first word counts the others: before 5 there was no TEXT_OFFSET
    offset = src.word(table + 16) if src.word(table) >= 5 else 0x8000
    return LinuxTags(src.word(src.word(table + 8)), src.word(table + 12), offset)


def _zimage_code(src: scan.Source, info: KernelInfo, marks: set[str]) -> KernelInfo:
    flat = scan.scan(src.pieces(0, info.declared if (info.declared or 0) > 0 else None), "armv7l")
    if "hypervisor" in flat.seen and not flat.hypercalls:
        marks.add("hypervisor")
        return replace(info, system="xen", hypercalls=flat.hypercalls)
    tags = info.tags

    def right(found: scan.Findings) -> bool:
        return found.size == tags.inflated if tags else found.size > info.size // 2 and "linux" in found.seen

    if flat.hypercalls and not tags:
        # code that is not packed: a unikernel, whatever its files (slides on Xen and Linux, say) hold or quote
        return replace(info, system=_system(flat.seen), hypercalls=flat.hypercalls)
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
    return replace(info, system=_system(flat.seen), hypercalls=None if scan.unreadable(src) else 0)


def _image64(src: scan.Source, deep: bool) -> KernelInfo:
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
        system = "linux" if efi and "linux" in found.seen else _system(found.seen)
        if system == "unikraft" and declared > src.size:
            marks.add("cut")  # its image_size leaves the BSS out (plat/xen/arm: _edata - start), Linux' does not
        info = replace(info, hypercalls=found.hypercalls, system=system)
    return replace(info, end=known or None, what=_describe(info, "a 64-bit ARM", "Image", marks), marks=frozenset(marks))


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


def _system(seen: set[str]) -> str:
    if "mirage" in seen:
        return "mirageos"
    return next((word for word in ("unikraft", "mini-os", "zephyr", "linux") if word in seen), "")


_NAMED = {
    "mirageos": "MirageOS (Mini-OS)", "mini-os": "Mini-OS", "unikraft": "Unikraft", "zephyr": "Zephyr",
    "linux": "Linux", "solo5": "Solo5 (MirageOS 4)",
}  # fmt: skip


def _describe(info: KernelInfo, arch: str, form: str, marks: set[str]) -> str:
    if "hypervisor" in marks:
        return f"the Xen hypervisor itself ({arch.removeprefix('a ')})"
    system = _NAMED.get(info.system, "")
    about = f"{arch} {system} kernel ({form})" if system else f"{arch} kernel ({form})"
    return about + (" built for Xen" if info.xen_guest else " without Xen support" if info.xen_guest is False else "")


def _elf(src: scan.Source, head: bytes, deep: bool) -> KernelInfo:
    read = elf.read(head, src.at)
    marks = set(read.marks)
    found = scan.scan(src.pieces(), read.arch) if deep else scan.Findings()
    hypercalls = found.hypercalls if deep and read.arch in scan.HVC else None
    # without that header flattening would not help: an ARM vmlinux has none, an arm64 one has
    # xl looks for a header; Xen's notes say that it is a guest, so that its makers know how to flatten it
    header = any(src.word(at + 0x24) == 0x016F2818 or src.word(at + 56) == 0x644D5241 for at in read.load)
    if header or (read.xen and read.arch in scan.HVC):
        marks.add("objcopy")
    system = "solo5" if read.target else "" if "userland" in marks else _system(found.seen)
    return KernelInfo(
        Kind.ELF,
        src.size,
        _elf_words(read, system),
        read.arch,
        system,
        target=read.target,
        hypercalls=hypercalls,
        marks=frozenset(marks),
    )


def _elf_words(read: elf.Elf, system: str) -> str:
    what = "kernel" if system or read.xen else "ELF file"
    if "relocatable" in read.marks:
        what = "object file or module"
    elif "userland" in read.marks:
        what = "program (not a kernel)"
    purpose = {"pv": " for Xen PV", "pvh": " for Xen PVH"}.get(read.xen, "")
    if read.target and read.target != "xen":
        purpose = f" for {read.target}, not Xen"
    spoken = {"armv7l": "32-bit ARM", "aarch64": "64-bit ARM"}.get(read.arch, read.arch or "unknown-machine")
    named = " ".join(filter(None, (spoken, _NAMED.get(system, ""), what)))
    article = "an" if named[0] in "aeiou" or named.startswith("x86") else "a"
    return f"{article} {named}{purpose}" + (" (ELF)" if read.arch in scan.HVC else "")
