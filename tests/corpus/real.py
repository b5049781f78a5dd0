"""Cases from Debian's packages: whole, damaged, packed, and with their payload packed otherwise."""

from __future__ import annotations

import functools
import gzip
import lzma
import struct

from edgedeploy.core import packing
from edgedeploy.core.packing import Codec
from tests import kernels as k
from tests.corpus import packages
from tests.corpus.cases import ARM64_ONLY, Case, both, cut, flip, wide, word


@functools.cache
def debian(name: str) -> bytes:
    return packages.files()[name].read_bytes()


def armmp() -> bytes:
    return debian("armmp")


def cloud() -> bytes:
    return debian("cloud-arm64")


@functools.cache
def inner() -> bytes:
    """armmp's kernel, unpacked."""
    return k.xz_inner(armmp())


def deaf() -> bytes:
    """The same without its hypercalls."""
    return inner().replace(k.HVC["armv7l"], k.NOP)


def repacked(packed: bytes, **more: bool) -> bytes:
    return k.resize(armmp(), packed, len(inner()), **more)


@functools.cache
def alone() -> bytes:
    return lzma.compress(inner(), lzma.FORMAT_ALONE, preset=0)


@functools.cache
def gz() -> bytes:
    return gzip.compress(inner(), 1)


def linked(start: int) -> bytes:
    return word(word(armmp(), 0x28, start), 0x2C, start + len(armmp()))


def payload_at() -> int:
    return k.xz_start(armmp())


def size_word() -> int:
    """Where armmp says how large its payload is unpacked: right behind it."""
    table = struct.unpack_from("<I", armmp(), 0x38)[0]
    return int(struct.unpack_from("<I", armmp(), table + 8)[0])


def pe_end() -> int:
    """Where the signature of an arm64 Image begins: after its last section."""
    pe = struct.unpack_from("<I", cloud(), 0x3C)[0]
    count, optional = struct.unpack_from("<H12xH", cloud(), pe + 6)
    rows = (struct.unpack_from("<II", cloud(), pe + 24 + optional + 40 * n + 16) for n in range(count))
    return max(size + offset for size, offset in rows)


def ramdisk(size: int) -> bytes:
    return k.cpio() + bytes(size - 512)


WHOLE = [
    both("armmp", armmp),
    both("armmp-lpae", lambda: debian("armmp-lpae")),
    both("marvell", lambda: debian("marvell"), "cpu-level no-xen"),
    both("rpi", lambda: debian("rpi"), "cpu-level no-xen"),
    wide("cloud-arm64", cloud),
    both("cloud-amd64", lambda: debian("cloud-amd64"), "wrong-arch"),
    both("xen-armhf", lambda: debian("xen-armhf"), "hypervisor"),
    wide("xen-arm64", lambda: debian("xen-arm64"), "hypervisor"),
    both("xen-amd64", lambda: debian("xen-amd64.gz"), "wrong-arch"),
    both("xen-amd64-uefi", lambda: debian("xen-amd64.efi"), "wrong-arch"),
    both("u-boot-qemu-arm", lambda: debian("u-boot-qemu-arm"), "unknown"),
    both("u-boot-qemu-arm-elf", lambda: debian("u-boot-qemu-arm.elf"), "elf"),
    both("u-boot-qemu-arm64", lambda: debian("u-boot-qemu-arm64"), "unknown"),
    wide("u-boot-qemu-arm64-elf", lambda: debian("u-boot-qemu-arm64.elf"), "elf"),
    both("u-boot-x86-rom", lambda: debian("u-boot-qemu-x86.rom"), "unknown"),
    both("u-boot-riscv", lambda: debian("u-boot-riscv64"), "wrong-arch"),
    both("u-boot-mips", lambda: debian("u-boot-malta"), "wrong-arch"),
    both("u-boot-powerpc", lambda: debian("u-boot-ppc"), "wrong-arch"),
    both("u-boot-rpi4", lambda: debian("u-boot-rpi4"), "unknown"),
    both("u-boot-cubieboard2", lambda: debian("u-boot-cubieboard2"), "unknown"),
    both("grub-arm64", lambda: debian("grub-arm64.efi"), "efi-program"),
    wide("grub-arm64-core", lambda: debian("grub-arm64.img"), "elf-userland"),
    both("busybox", lambda: debian("busybox"), "elf-userland"),
    both("module", lambda: debian("netfront.ko"), "elf-userland"),
    both("board-dtb", lambda: debian("cubieboard2.dtb"), "dtb"),
]
CUT = [
    both("armmp-cut-48", lambda: cut(armmp(), 48), "truncated no-xen"),
    both("armmp-cut-4k", lambda: cut(armmp(), 4096), "truncated no-xen"),
    both("armmp-cut-64k", lambda: cut(armmp(), 1 << 16), "truncated"),
    both("armmp-cut-half", lambda: cut(armmp(), len(armmp()) // 2), "truncated"),
    both("armmp-cut-1", lambda: cut(armmp(), -1), "truncated"),
    both("armmp-cut-4", lambda: cut(armmp(), -4), "truncated"),
    both("armmp-head-gone", lambda: armmp()[0x40:], "unknown"),
    both("armmp-sector-gone", lambda: armmp()[:512] + armmp()[1024:], "truncated"),
    wide("cloud-cut-64", lambda: cut(cloud(), 64), "truncated no-xen"),
    wide("cloud-cut-4k", lambda: cut(cloud(), 4096), "truncated no-xen"),
    wide("cloud-cut-half", lambda: cut(cloud(), len(cloud()) // 2), "truncated"),
    wide("cloud-cut-in-last-section", lambda: cut(cloud(), pe_end() - 1), "truncated"),
    wide("cloud-signature-gone", lambda: cut(cloud(), pe_end())),
]
CHANGED = [
    both("armmp-magic-gone", lambda: word(armmp(), 0x24, 0), "efi-program"),
    both("armmp-start-elsewhere", lambda: linked(0x48008000), "start-addr"),
    both("armmp-start-right", lambda: linked(0x40008000)),
    both("armmp-end-zero", lambda: word(armmp(), 0x2C, 0), "header"),
    both("armmp-end-huge", lambda: word(armmp(), 0x2C, 0xFFFFFFFF), "truncated"),
    both("armmp-big-endian", lambda: word(armmp(), 0x30, 0x01020304), "endian"),
    both("armmp-table-gone", lambda: word(armmp(), 0x34, 0)),
    both("armmp-table-astray", lambda: word(armmp(), 0x38, 0xFFFFFFF0)),
    both("armmp-payload-first-byte", lambda: flip(armmp(), payload_at()), "payload"),
    both("armmp-payload-early", lambda: flip(armmp(), payload_at() + 100), "payload"),
    both("armmp-payload-middle", lambda: flip(armmp(), len(armmp()) // 2), "payload"),
    both("armmp-payload-check", lambda: flip(armmp(), size_word() - 20), "payload"),
    both("armmp-size-word", lambda: flip(armmp(), size_word()), "payload"),
    both("armmp-board-dtb-appended", lambda: armmp() + debian("cubieboard2.dtb"), "appended-dtb"),
    both("armmp-junk-appended", lambda: armmp() + b"junk" * 100, warnings="trailing"),
    both("armmp-initramfs-appended", lambda: armmp() + k.cpio(), warnings="trailing"),
    both("armmp-uimage", lambda: k.uimage(armmp()), "uimage"),
    both("armmp-twice", lambda: armmp() + armmp(), warnings="trailing"),
    both("cloud-magic-gone", lambda: word(cloud(), 56, 0), "efi-program"),
    Case("cloud-big-endian", lambda: word(cloud(), 24, 0xB, "<Q"), f"endian {ARM64_ONLY}", "endian"),
    Case("cloud-16k", lambda: word(cloud(), 24, 0b1100, "<Q"), ARM64_ONLY, "page-size"),
    wide("cloud-text-offset", lambda: word(cloud(), 8, 0x1000, "<Q")),
    wide("cloud-text-offset-odd", lambda: word(cloud(), 8, 0x1234, "<Q"), "text-offset"),
    wide("cloud-no-hypercall", lambda: cloud().replace(k.HVC["aarch64"], b"\x1f\x20\x03\xd5"), "no-xen"),
    both("cloud-zboot-header", lambda: cloud()[:4] + b"zimg" + cloud()[8:56] + bytes(4) + cloud()[60:], "zboot"),
]
PAYLOADS = [
    both("armmp-gzip", lambda: repacked(gz(), size_inside=True)),
    both("armmp-lzma", lambda: repacked(alone())),
    both("armmp-lz4", lambda: repacked(k.lz4_legacy(inner()))),
    both("armmp-lzo", lambda: repacked(k.LZO), warnings="xen-unseen"),
    both("armmp-zstd", lambda: repacked(packing.pack(inner(), Codec.ZST))),
    both("armmp-gzip-no-table", lambda: repacked(gz(), table=False, size_inside=True)),
    both("armmp-lzma-no-table", lambda: repacked(alone(), table=False)),
    both("armmp-lz4-no-table", lambda: repacked(k.lz4_legacy(inner()), table=False)),
    both("armmp-gzip-damaged", lambda: flip(repacked(gz(), size_inside=True), payload_at() + 3_000_000), "payload"),
    both("armmp-gzip-first-byte", lambda: flip(repacked(gz(), size_inside=True), payload_at()), "payload"),
    both("armmp-gzip-zeroed", lambda: repacked(bytes(5_000_000)), "payload"),
    both("armmp-lzma-first-bytes", lambda: flip(repacked(alone()), payload_at(), 4096), "payload"),
    both("armmp-lzma-no-table-first-byte", lambda: flip(repacked(alone(), table=False), payload_at()), "payload"),
    wide("cloud-dtb-appended", lambda: cloud() + debian("cubieboard2.dtb"), "appended-dtb"),
    wide("cloud-junk-appended", lambda: cloud() + b"junk" * 9, warnings="trailing"),
    both("armmp-lz4-damaged", lambda: repacked(cut(k.lz4_legacy(inner()), -5000)), "payload"),
    both("armmp-no-hypercall", lambda: repacked(gzip.compress(deaf(), 1), size_inside=True), "no-xen"),
]
PACKED = [
    both("armmp-gz", lambda: gzip.compress(armmp(), 1)),
    both("armmp-bz2", lambda: packing.pack(armmp(), Codec.BZ2)),
    both("armmp-xz", lambda: lzma.compress(armmp(), preset=0)),
    both("armmp-zst", lambda: packing.pack(armmp(), Codec.ZST)),
    both("armmp-gz-gz", lambda: gzip.compress(gzip.compress(armmp(), 1), 1), "nested"),
    both("armmp-gz-cut", lambda: cut(gzip.compress(armmp(), 1), 1_000_000), "codec-corrupt"),
    both("armmp-gz-damaged", lambda: flip(gzip.compress(armmp(), 1), 1_000_000), "codec-corrupt"),
    wide("cloud-gz", lambda: gzip.compress(cloud(), 1)),
    wide("cloud-zst", lambda: packing.pack(cloud(), Codec.ZST)),
]
MEMORY = [
    both("armmp-in-5-mb", armmp, "guest-memory", memory_mb=5),
    both("armmp-in-24-mb", armmp, "guest-memory", memory_mb=24),
    both("armmp-in-32-mb", armmp, memory_mb=32),
    both("armmp-in-64-mb-with-ramdisk", armmp, memory_mb=80, ramdisk=lambda: ramdisk(20 << 20)),
    both("armmp-in-48-mb-with-ramdisk", armmp, "guest-memory", memory_mb=48, ramdisk=lambda: ramdisk(20 << 20)),
    wide("cloud-in-26-mb", cloud, "guest-memory", memory_mb=26),
    wide("cloud-in-64-mb", cloud, memory_mb=64),
    both("armmp-with-a-kernel-for-ramdisk", armmp, "ramdisk", ramdisk=armmp),
    both("armmp-with-a-u-boot-ramdisk", armmp, "ramdisk", ramdisk=lambda: k.uimage(k.cpio())),
    both("armmp-with-a-zip-for-ramdisk", armmp, "ramdisk", ramdisk=lambda: b"PK\3\4" + bytes(60)),
]
CASES: list[Case] = [*WHOLE, *CUT, *CHANGED, *PAYLOADS, *PACKED, *MEMORY]
