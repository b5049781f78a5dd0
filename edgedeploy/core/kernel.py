"""Says what a kernel file is, from its own bytes. Pure; runs on the laptop, and on the board before the swap.

One format a module: zimage, image64, elf; foreign has what is no kernel at all.
Nothing here raises on strange bytes: what cannot be read is "unknown". Files are read in pieces.
"""

from __future__ import annotations

from typing import BinaryIO

from edgedeploy.core import elf, foreign, image64, packing, scan, zimage
from edgedeploy.core.kernelinfo import NAMED, KernelInfo, Kind, LinuxTags, system_of

__all__ = ["KernelInfo", "Kind", "LinuxTags", "probe"]


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
        return image64.read(src, deep=deep)
    if src.word(0x24) == 0x016F2818 and src.size >= 0x30:
        return zimage.read(src, deep=deep)
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
    system = "solo5" if read.target else "" if "userland" in marks else system_of(found.seen)
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
    named = " ".join(filter(None, (spoken, NAMED.get(system, ""), what)))
    article = "an" if named[0] in "aeiou" or named.startswith("x86") else "a"
    return f"{article} {named}{purpose}" + (" (ELF)" if read.arch in scan.HVC else "")
