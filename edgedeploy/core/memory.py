"""Memory arithmetic: what xl needs to place a guest's files, the guest to live, the board to have free.

Placement follows tools/libs/guest/xg_dom_arm.c (meminit), the board's side tools/libs/light/libxl_mem.c
(libxl__domain_need_memory_calculate) with ARM's paging pool (libxl_arm.c, Xen >= 4.17).
Offsets and sizes in bytes from the guest's RAM base; MB are 2**20 bytes.
"""

from __future__ import annotations

from bisect import bisect_left

from edgedeploy.core.kernel import KernelInfo, Kind

MB = 1 << 20
RAMDISK_LIMIT = 1 << 30
"""xl: xc_dom_malloc_filemap's bound on a ramdisk."""
XEN_OWN_MB = 48
"""What Xen 4.17 takes of a 1 GB board for itself: 43 MB on the virtual board (`xl info`), rounded up."""
LINUX_LEAST_MB = 32
LINUX_TIGHT_MB = 64
_ZIMAGE_OFFSET = 0x8000
_DTB = 8192  # xl's device tree for a guest is 4-8 KiB
_LOW = 128 * MB
_LOW_BANK = 3 << 30  # GUEST_RAM0_SIZE: kernel and modules go into the first bank
_SLACK = 0x11000  # the decompressor's own stack, heap and page tables when it moves out of its own way
_FLAT_MARGIN = 2 * MB  # a flat unikernel's header leaves its BSS out, and nothing else tells its size


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def modules_at(offset: int, size: int, memory_mb: int, ramdisk_size: int) -> int | None:
    """Where xl puts ramdisk and device tree, for a kernel of `size` at `offset`; None if nowhere."""
    end, ram = _up(offset + size, 2 * MB), min(memory_mb * MB, _LOW_BANK)
    modules = _up(ramdisk_size, 4096) + _DTB
    if offset + size > ram:
        return None
    if ram >= _LOW + modules and end < _LOW:
        return _LOW
    # meminit's third choice, below the kernel, is taken only to fail later ("segment boundary too low")
    return ram - modules if ram - modules > end else None


def _offset(kernel: KernelInfo) -> int:
    return kernel.text_offset if kernel.kind is Kind.IMAGE64 else _ZIMAGE_OFFSET


def _running(kernel: KernelInfo) -> tuple[int, int]:
    """How far up the kernel reaches while it starts, and what it keeps once it runs."""
    if kernel.kind is Kind.IMAGE64:
        end = kernel.text_offset + max(kernel.size, kernel.declared or 0)
        return end, end
    if kernel.tags:
        image = kernel.tags.text_offset + kernel.tags.inflated
        # head.S unpacks in place or moves itself behind the result first
        return image + max(kernel.size + _SLACK, kernel.tags.bss), image + kernel.tags.bss
    end = _ZIMAGE_OFFSET + kernel.size + _FLAT_MARGIN
    return end, end


def enough(kernel: KernelInfo, memory_mb: int, ramdisk_size: int) -> bool:
    """Whether a guest with this memory loads and can live.

    For Linux a ramdisk counts twice: as it was loaded, and as the root file system it is unpacked to.
    """
    modules = modules_at(_offset(kernel), kernel.size, memory_mb, ramdisk_size)
    reach, kept = _running(kernel)
    if modules is None or reach > modules:
        return False
    if kernel.system != "linux":
        return True
    return memory_mb >= LINUX_LEAST_MB and memory_mb * MB >= kept + 2 * _up(ramdisk_size, 4096) + _DTB


def least(kernel: KernelInfo, ramdisk_size: int) -> int | None:
    """The smallest memory in MB that is enough, or None where even 3 GB (the low bank of RAM) is not."""
    sizes = range(1, (_LOW_BANK >> 20) + 1)
    # more memory never hurts, so halving finds it
    index = bisect_left(sizes, True, key=lambda mb: enough(kernel, mb, ramdisk_size))
    return sizes[index] if index < len(sizes) else None


def host_need_mb(memory_mb: int, vcpus: int) -> int:
    """What `xl create` wants free on the board for such a guest, in MB."""
    paging_kb = 4 * (256 * vcpus + memory_mb + 128)
    return _up(memory_mb * 1024 + paging_kb + 2048, 2048) // 1024
