"""What is known of a kernel file once it was read: the answer of core/kernel.py, and the words for it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from enum import StrEnum


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


def system_of(seen: Set[str]) -> str:
    """Whose kernel it is, by the texts that core/scan.py saw in it; "" for nobody's that we know."""
    if "mirage" in seen:
        return "mirageos"
    return next((word for word in ("unikraft", "mini-os", "zephyr", "linux") if word in seen), "")


NAMED = {
    "mirageos": "MirageOS (Mini-OS)", "mini-os": "Mini-OS", "unikraft": "Unikraft", "zephyr": "Zephyr",
    "linux": "Linux", "solo5": "Solo5 (MirageOS 4)",
}  # fmt: skip


def describe(info: KernelInfo, arch: str, form: str, marks: Set[str]) -> str:
    """A sentence's worth of what it is; `arch` with its article, `form` as xl's loader is called."""
    if "hypervisor" in marks:
        return f"the Xen hypervisor itself ({arch.removeprefix('a ')})"
    system = NAMED.get(info.system, "")
    about = f"{arch} {system} kernel ({form})" if system else f"{arch} kernel ({form})"
    return about + (" built for Xen" if info.xen_guest else " without Xen support" if info.xen_guest is False else "")
