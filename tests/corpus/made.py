"""Cases from our own builders: forms that no Debian package has."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib

from edgedeploy.core import packing
from edgedeploy.core.packing import Codec
from tests import kernels as k
from tests.corpus.cases import ARM64_ONLY, Case, both, cut, wide, word

XZ, GZ, BZ2, LZMA, ZST = Codec.XZ, Codec.GZ, Codec.BZ2, Codec.LZMA, Codec.ZST


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("zImage")
        member.size = len(k.zimage())
        archive.addfile(member, io.BytesIO(k.zimage()))
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("zImage", k.zimage())
    return out.getvalue()


def disk(*, gpt: bool = False) -> bytes:
    image = bytearray(1 << 20)
    image[510:512] = b"\x55\xaa"
    if gpt:
        image[512:520] = b"EFI PART"
    return bytes(image)


def be_zimage() -> bytes:
    raw = bytearray(k.zimage())
    raw[0x24:0x34] = b"".join(bytes(raw[at : at + 4])[::-1] for at in range(0x24, 0x34, 4))
    return bytes(raw)


def packed(codec: Codec) -> bytes:
    return packing.pack(k.linux_zimage(), codec)


def bomb(codec: Codec) -> bytes:
    """140 MB of zeros: over the bound, and quickly made."""
    if codec in (XZ, LZMA):
        return lzma.compress(bytes(140 << 20), lzma.FORMAT_XZ if codec is XZ else lzma.FORMAT_ALONE, preset=0)
    return packing.pack(bytes(140 << 20), codec)


def plain(codec: Codec) -> bytes:
    """A Linux payload packed by one codec."""
    return packing.pack(k.linux_payload(), codec)


FLAT = [
    both("mirage-flat", lambda: k.zimage()),
    both("mirage-flat-thumb", lambda: k.zimage(k.NOP * 8 + k.HVC["thumb"] * 2 + b"Mini-OS\0")),
    both("unikraft-arm32", lambda: k.zimage(k.NOP * 8 + k.HVC["armv7l"] + b"Unikraft\0")),
    wide("unikraft-arm64", lambda: k.image64(k.HVC["aarch64"] + b"Unikraft\0" + bytes(512))),
    wide("zephyr-arm64", lambda: k.image64(k.HVC["aarch64"] + b"*** Booting Zephyr OS build\0", flags=0b10)),
    both("linked-at-its-place", lambda: k.zimage(start=0x40008000)),
    both("linked-for-xen-4.4", lambda: k.zimage(start=0x80008000), "start-addr"),
    both("linked-elsewhere", lambda: k.zimage(start=0x60008000), "start-addr"),
    both("linked-one-page-off", lambda: k.zimage(start=0x40009000), "start-addr"),
    both("no-hypercall", lambda: k.zimage(k.NOP * 200), "no-xen"),
    both("hypercall-misaligned", lambda: k.zimage(b"\0" + k.HVC["armv7l"] + bytes(64)), "no-xen"),
    both("hypercall-of-the-other-width", lambda: k.zimage(k.HVC["aarch64"] * 4 + bytes(64)), "no-xen"),
    both("hypervisor-32", lambda: k.zimage(bytes(64) + b"(XEN) Xen version\0"), "hypervisor"),
    both("header-48-bytes", lambda: cut(k.zimage(), 0x30), "truncated no-xen"),
    both("header-47-bytes", lambda: cut(k.zimage(), 0x2F), "unknown"),
    both("ends-before-it-starts", lambda: k.zimage(start=0x40008000, declared=-8), "header"),
    both("declared-too-long", lambda: k.zimage(declared=1 << 20), "truncated"),
    both("declared-one-too-long", lambda: k.zimage(declared=len(k.zimage()) + 1), "truncated"),
    both("trailing-bytes", lambda: k.zimage(tail=b"x" * 8), warnings="trailing"),
    both("trailing-zeros", lambda: k.zimage(tail=bytes(4096)), warnings="trailing"),
    both("appended-dtb", lambda: k.zimage(tail=k.fdt()), "appended-dtb"),
    both("big-endian-code", lambda: k.zimage(marker=0x01020304), "endian"),
    both("big-endian-header", be_zimage, "endian"),
    both("big-endian-elsewhere", lambda: k.zimage(start=0x60008000, marker=0x01020304), "endian start-addr"),
    both("slides-on-xen", lambda: k.zimage(k.HVC["armv7l"] * 9 + b"(XEN) Xen version 4.17")),
    both("slides-on-linux", lambda: k.zimage(k.HVC["armv7l"] * 9 + b"Uncompressing Linux" + plain(GZ)), memory_mb=24),
    # xl asks the ARM64 loader first
    wide("zimage-with-arm64-magic", lambda: word(k.zimage(), 56, 0x644D5241), "no-xen too-big"),
    wide("zimage-with-first-word-of-v0", lambda: word(k.zimage(), 0, 0x14000008), "no-xen too-big"),
    # and unpacks first of all
    both(
        "zimage-begins-like-gzip",
        lambda: word(word(k.zimage(), 0, 0xE1A08B1F), len(k.zimage()) - 4, 5000),
        "codec-corrupt",
    ),
    both("all-at-once", lambda: k.zimage(b"none", start=4, declared=9000), "truncated start-addr no-xen"),
]
WIDE = [
    wide("image64", lambda: k.image64()),
    wide("image64-no-xen", lambda: k.image64(bytes(256)), "no-xen"),
    Case("image64-big-endian", lambda: k.image64(flags=0b11), f"endian {ARM64_ONLY}", "endian"),
    Case("image64-16k-pages", lambda: k.image64(flags=0b100), ARM64_ONLY, "page-size"),
    wide("image64-64k-pages", lambda: k.image64(flags=0b110)),
    wide("image64-pages-unsaid", lambda: k.image64(flags=0)),
    wide("image64-text-offset", lambda: k.image64(text_offset=0x80000)),
    wide("image64-text-offset-odd", lambda: k.image64(text_offset=0x1234), "text-offset"),
    wide("image64-text-offset-huge", lambda: k.image64(text_offset=1 << 40), "too-big"),
    wide("image64-text-offset-wraps", lambda: k.image64(text_offset=(1 << 64) - 0x40000000), "too-big"),
    wide("image64-size-huge", lambda: k.image64(image_size=1 << 40), "too-big"),
    wide("image64-bss-over-memory", lambda: k.image64(image_size=100 << 20), "guest-memory", memory_mb=64),
    wide("image64-bss-over-modules", lambda: k.image64(image_size=300 << 20), "too-big"),
    wide("image64-dtb-appended", lambda: k.image64() + k.fdt(), "appended-dtb"),
    wide("image64-junk-appended", lambda: k.image64() + b"junk" * 9, warnings="trailing"),
    wide("image64-slides-on-xen", lambda: k.image64(k.HVC["aarch64"] * 9 + b"(XEN) Xen version 4.17")),
    wide("unikraft-cut", lambda: cut(k.image64(k.HVC["aarch64"] * 99 + b"Unikraft\0" + bytes(900)), -700), "truncated"),
    wide("image64-v0", lambda: k.image64_v0()),
    wide("image64-v0-flags-are-none", lambda: word(k.image64_v0(), 24, 0xFFFFFFFF)),
    both("image64-63-bytes", lambda: cut(k.image64(), 63), "unknown"),
    wide("image64-hypervisor", lambda: k.image64(b"(XEN) Xen version\0" * 9), "hypervisor"),
]
LINUX = [
    both("linux-xz", lambda: k.linux_zimage()),
    both("linux-gzip", lambda: k.linux_zimage(packed=plain(GZ), size_inside=True)),
    both("linux-lzma", lambda: k.linux_zimage(packed=plain(LZMA))),
    both("linux-lz4", lambda: k.linux_zimage(packed=k.lz4_legacy(k.linux_payload()))),
    both("linux-lzo", lambda: k.linux_zimage(packed=k.LZO), warnings="xen-unseen"),
    both("linux-zstd", lambda: k.linux_zimage(packed=plain(ZST))),
    both("linux-no-xen", lambda: k.linux_zimage(k.linux_payload(xen=False)), "no-xen"),
    both("linux-armv6", lambda: k.linux_zimage(k.linux_payload(level=6)), "cpu-level"),
    both("linux-armv5-no-xen", lambda: k.linux_zimage(k.linux_payload(level=5, xen=False)), "cpu-level no-xen"),
    both("linux-payload-noise", lambda: k.linux_zimage(packed=b"\xfd7zXZ\0" + b"\1" * 999), "payload"),
    both("linux-size-word-wrong", lambda: word(k.linux_zimage(), len(k.linux_zimage()) - 4, 1234), "payload"),
    both("old-linux-gzip", lambda: k.old_linux_zimage(plain(GZ))),
    both("old-linux-lzma", lambda: k.old_linux_zimage(plain(LZMA), 200_000)),
    both("old-linux-xz", lambda: k.old_linux_zimage(plain(XZ), 200_000)),
    both("old-linux-lz4", lambda: k.old_linux_zimage(k.lz4_legacy(k.linux_payload()), 200_000)),
    both("old-linux-lzo", lambda: k.old_linux_zimage(k.LZO, 200_000), warnings="xen-unseen"),
    both("old-linux-no-xen", lambda: k.old_linux_zimage(gzip.compress(k.linux_payload(xen=False))), "no-xen"),
    both("old-linux-damaged", lambda: k.old_linux_zimage(cut(plain(GZ), -900)), "payload"),
]
ELF = [
    both("x86-mirage-3", k.x86_mirage, "wrong-arch"),
    both("x86-mirage-4", lambda: k.solo5(6, 62, pvh=True), "wrong-arch"),
    both("x86-solo5-hvt", lambda: k.solo5(1, 62), "wrong-arch"),
    wide("solo5-hvt", lambda: k.solo5(1), "solo5-target"),
    wide("solo5-spt", lambda: k.solo5(2), "solo5-target"),
    wide("solo5-virtio", lambda: k.solo5(3), "solo5-target"),
    wide("solo5-unknown", lambda: k.solo5(77), "solo5-target"),
    both("mirage-elf", lambda: k.elf(machine=40, segments=((1, k.zimage()),), wide=False), "elf-needs-objcopy"),
    both(
        "guest-elf-by-note",
        lambda: k.elf(machine=40, segments=((4, k.note(b"Xen", 6, b"Mini-OS\0")),), wide=False),
        "elf-needs-objcopy",
    ),
    both(
        "guest-elf-by-section",
        lambda: k.elf(machine=40, sections=((b"__xen_guest", 1, b"x\0"),), wide=False),
        "elf-needs-objcopy",
    ),
    wide("unikraft-elf", lambda: k.elf(machine=183, segments=((1, k.image64()),)), "elf-needs-objcopy"),
    both("vmlinux-arm", lambda: k.vmlinux(40), "elf"),
    wide("vmlinux-arm64", lambda: k.vmlinux(183, k.image64()), "elf-needs-objcopy"),
    both("vmlinux-x86", lambda: k.vmlinux(62), "wrong-arch"),
    both("program", lambda: k.elf(machine=40, segments=((3, b"/lib/ld.so\0"),), wide=False), "elf-userland"),
    both("object-file", lambda: k.elf(machine=40, kind=1, wide=False), "elf-userland"),
    both("elf-bare", lambda: k.elf(machine=40, wide=False), "elf"),
    both("elf-riscv", lambda: k.elf(machine=243), "wrong-arch"),
    both("elf-unheard-of", lambda: k.elf(machine=999), "wrong-arch"),
    both("elf-16-bytes", lambda: cut(k.elf(), 16), "wrong-arch"),
    both("elf-tables-out-of-range", lambda: word(k.elf(machine=40, wide=False), 28, 0xFFFFFFF0), "elf"),
    both("elf-cut", lambda: cut(k.x86_mirage(), 700), "wrong-arch"),
]
OTHER = [
    both("empty", lambda: b"", "empty"),
    both("zeros", lambda: bytes(100_000), "empty"),
    both("one-byte", lambda: b"\x7f", "unknown"),
    both("noise", lambda: bytes(range(256)) * 40, "unknown"),
    both("text", lambda: b"hello, world\n" * 100, "unknown"),
    both("script", lambda: b"#!/bin/sh\nexec true\n", "unknown"),
    both("png", png, "unknown"),
    both("tar", tar, "unknown"),
    both("zip", zipped, "unknown"),
    both("disk-mbr", lambda: disk(), "unknown"),
    both("disk-gpt", lambda: disk(gpt=True), "unknown"),
    both("lfs-pointer", lambda: k.NOT_KERNELS["lfs-pointer"], "lfs-pointer"),
    both("annex-pointer", lambda: b"/annex/objects/SHA256E-s9--0.xen\n", "lfs-pointer"),
    both("web-page", lambda: k.NOT_KERNELS["html"], "web-page"),
    both("web-page-xml", lambda: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "web-page"),
    both("json-error", lambda: json.dumps({"message": "Not Found"}).encode(), "unknown"),
    both("uimage", lambda: k.uimage(k.zimage()), "uimage"),
    both("fit-image", lambda: k.fdt(fit=True), "fit"),
    both("dtb", lambda: k.fdt(), "dtb"),
    both("initramfs", k.cpio, "initramfs"),
    both("initramfs-crc", lambda: b"070702" + k.cpio()[6:], "initramfs"),
    both("zboot-gzip", lambda: k.zboot(), "zboot"),
    both("zboot-zstd", lambda: k.zboot(b"zstd"), "zboot"),
    both("uefi-arm64", lambda: k.pe(0xAA64), "efi-program"),
    both("uefi-x86", lambda: k.pe(0x8664), "wrong-arch"),
    both("bzimage", lambda: k.NOT_KERNELS["bzimage"], "wrong-arch"),
    both("riscv-image", lambda: (b"MZ".ljust(0x30, b"\0") + b"RISCV\0\0\0RSC\5").ljust(256, b"\0"), "wrong-arch"),
]
PACKED = [
    *(both(f"packed-{codec}", lambda codec=codec: packed(codec)) for codec in (GZ, BZ2, XZ, LZMA, ZST)),
    *(
        both(f"cut-{codec}", lambda codec=codec: cut(packed(codec), -40), "codec-corrupt")
        for codec in (GZ, BZ2, XZ, ZST)
    ),
    *(both(f"bomb-{codec}", lambda codec=codec: bomb(codec), "bomb") for codec in (GZ, BZ2, XZ, LZMA, ZST)),
    both("packed-twice", lambda: packing.pack(packed(GZ), XZ), "nested"),
    both("packed-twice-the-same", lambda: packing.pack(packed(GZ), GZ), "nested"),
    both(
        "gz-members", lambda: packing.pack(cut(k.linux_zimage(), 5000), GZ) + packing.pack(k.linux_zimage()[5000:], GZ)
    ),
    both("gz-zeros-behind", lambda: packed(GZ) + bytes(512)),
    both("gz-junk-behind", lambda: packed(GZ) + b"something else follows", "gz-trailer"),
    both("xz-junk-behind", lambda: packed(XZ) + b"something else follows", "codec-corrupt"),
    both("gz-header-alone", lambda: cut(packed(GZ), 10), "codec-corrupt"),
    both("gz-of-nothing", lambda: packing.pack(b"", GZ), "empty"),
    both("gz-of-tar", lambda: packing.pack(tar(), GZ), "unknown"),
    both("gz-of-initramfs", lambda: packing.pack(k.cpio(), GZ), "initramfs"),
    both("gz-of-web-page", lambda: packing.pack(k.NOT_KERNELS["html"], GZ), "web-page"),
    both("bz2-of-x86-mirage", lambda: packing.pack(k.x86_mirage(), BZ2), "wrong-arch"),
    both("lz4-legacy", lambda: k.lz4_legacy(k.linux_zimage()), "codec-unsupported"),
    both("lzo", lambda: k.LZO, "codec-unsupported"),
]
CASES: list[Case] = [*FLAT, *WIDE, *LINUX, *ELF, *OTHER, *PACKED]
