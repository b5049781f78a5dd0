"""Says why a file cannot be a guest's ramdisk. Pure; runs on the laptop, and on the board before the swap.

`xl` copies a ramdisk without looking at it. Nothing here raises on strange bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from edgedeploy.core import kernel, scan
from edgedeploy.core.board import Misfit
from edgedeploy.core.kernel import KernelInfo, Kind

_SWAPPED = "Are kernel and ramdisk swapped?"
_NONE = {
    Kind.EMPTY: "Build it again",
    Kind.LFS_POINTER: "Fetch the content first: git lfs pull (or git annex get)",
    Kind.HTML: "Download the ramdisk again",
    Kind.UIMAGE: "Take the cpio archive it was made from: only U-Boot removes that header",
    Kind.FIT: "Take the cpio archive it was made from",
    Kind.DTB: "Xen makes a guest's device tree itself; give a ramdisk",
    Kind.OTHER: "Give a cpio archive, as update-initramfs makes it",
    **dict.fromkeys((Kind.ZIMAGE32, Kind.IMAGE64, Kind.ELF, Kind.BZIMAGE, Kind.ZBOOT, Kind.EFI), _SWAPPED),
}
"""Not packed: the guest's kernel may unpack it. Not unknown: file system images are ramdisks too, and of packings a
kernel knows more than we do."""


def probe(file: BinaryIO) -> KernelInfo:
    """What a ramdisk is, by its first bytes; only for zeros is more read. OSError passes through."""
    found = kernel.probe(file, deep=False)
    if found.kind is not Kind.EMPTY or not found.size:
        return found
    if any(piece.strip(b"\0") for piece in scan.Source(file).pieces()):
        # file systems keep room at their start for a boot loader
        return replace(found, kind=Kind.UNKNOWN, what="zeros, then something else")
    return replace(found, what="a file of zeros")


def misfits(found: KernelInfo, name: str) -> tuple[Misfit, ...]:
    """Why what was `found` in the file `name` is no ramdisk; empty when it may well be one."""
    if found.kind in _NONE:
        return (Misfit("ramdisk", "ramdisk", "a ramdisk", f"{name} is {found.what}", _NONE[found.kind]),)
    if "cut" in found.marks:
        hint = "Copy or build the file again"
        return (Misfit("ramdisk", "ramdisk", "a whole archive", f"{name} is damaged, or was cut off", hint),)
    return ()
