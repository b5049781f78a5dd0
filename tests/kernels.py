"""Minimal kernels and things that are none, built from their formats: no binaries in git.

Laid out after the files' own documentation (see edgedeploy/core/kernel.py); the x86-64 MirageOS here has the sections
and texts of the real one that mirage-decks-deployment served.
"""

from __future__ import annotations

import functools
import importlib
import lzma
import struct
from collections.abc import Iterator

HVC = {"armv7l": b"\x71\xea\x40\xe1", "thumb": b"\xe0\xf7\xa1\x8e", "aarch64": b"\x22\xd4\x01\xd4"}
NOP = b"\0\0\xa0\xe1"


def zimage(
    body: bytes = NOP * 64 + HVC["armv7l"] + b"MirageOS booting... Mini-OS\0" + NOP * 64,
    *,
    start: int = 0,
    declared: int | None = None,
    tail: bytes = b"",
    marker: int = 0x04030201,
) -> bytes:
    """A flat 32-bit ARM unikernel as `objcopy -O binary` makes it; `tail` comes after the declared end."""
    size = 0x40 + len(body) if declared is None else declared
    return NOP * 9 + struct.pack("<IIII", 0x016F2818, start, start + size, marker) + b"\0" * 12 + body + tail


_ROUND = bytes(i * 7 % 251 for i in range(251))


def linux_payload(*, xen: bool = True, level: int = 7, size: int = 200_000) -> bytes:
    text = b"Linux version 6.1.0\0" + b"6.1.0 SMP mod_unload modversions ARMv%d p2v8 \0" % level
    text += b"\0" * (-len(text) % 4) + (HVC["armv7l"] * 14 if xen else b"")
    rest = size - len(text)
    return text + (_ROUND * (rest // len(_ROUND) + 1))[:rest]


def linux_zimage(
    payload: bytes | None = None,
    *,
    packed: bytes | None = None,
    text_offset: int = 0x208000,
    bss: int = 390_000,
    size_inside: bool = False,
) -> bytes:
    """A Linux zImage (>= 4.15) with its KLSZ table, its payload in XZ with the size behind it, as Debian's is.

    `size_inside`: the packed data ends in the size itself, as gzip's does.
    """
    inner = linux_payload() if payload is None else payload
    packed = lzma.compress(inner) if packed is None else packed
    # a false XZ magic before the real payload: the decompressor has it as a text
    table_at = 0x40 + 16
    blob = b"\xfd7zXZ\0 is text here"[:16] + struct.pack("<6I", 6, 0x5A534C4B, 0, bss, text_offset, 0x10000)
    size_at = 0x40 + len(blob) + len(packed) - 4 * size_inside
    tail = b"" if size_inside else struct.pack("<I", len(inner))
    blob = blob[:24] + struct.pack("<I", size_at) + blob[28:] + packed + tail
    head = NOP * 9 + struct.pack("<IIII", 0x016F2818, 0, 0x40 + len(blob), 0x04030201)
    return head + struct.pack("<III", 0x45454545, table_at, 0) + blob


def old_linux_zimage(packed: bytes, size: int = 0) -> bytes:
    """A Linux zImage before 4.15: no table, only the decompressor's text and a payload, with the size behind it or not."""
    return zimage(
        b"Uncompressing Linux...\0 done, booting the kernel.\n\0".ljust(64, b"\0") + packed + size.to_bytes(4, "little")
    )


def lz4_legacy(data: bytes) -> bytes:
    """What `lz4 -l` makes: Linux's form."""
    block = importlib.import_module("lz4.block")
    parts = [block.compress(data[at : at + (8 << 20)], store_size=False) for at in range(0, len(data), 8 << 20)]
    return b"\x02\x21\x4c\x18" + b"".join(struct.pack("<I", len(part)) + part for part in parts)


LZO = b"\x89LZO\0\r\n\x1a\n" + bytes(range(256)) * 40


def resize(zimage: bytes, packed: bytes, inner_size: int, *, table: bool = True, size_inside: bool = False) -> bytes:
    """A real Linux zImage with another payload in place of its XZ one; without its KLSZ table, if so wanted."""
    at = struct.unpack_from("<I", zimage, 0x38)[0]
    size_at = struct.unpack_from("<I", zimage, at + 8)[0]
    stub = zimage[: xz_start(zimage)]
    if not packed.startswith(b"\xfd7zXZ\0"):
        stub = stub.replace(b"\xfd7zXZ\0", bytes(6))  # a text that only XZ's decompressor holds
    image = bytearray(stub + packed + (b"" if size_inside else struct.pack("<I", inner_size)))
    struct.pack_into("<I", image, 0x2C, len(image))
    struct.pack_into("<I", image, at + 8, len(image) - 4)
    assert size_at
    if not table:
        image[0x34:0x3C] = bytes(8)
        image[at : at + 24] = bytes(24)
    return bytes(image)


@functools.lru_cache(8)
def xz_start(zimage: bytes) -> int:
    """Where the XZ payload of a real zImage begins: the one that can be unpacked."""
    return next(hit for hit, _ in _xz(zimage))


@functools.lru_cache(8)
def xz_inner(zimage: bytes) -> bytes:
    """The kernel inside a real zImage."""
    return next(inner for _, inner in _xz(zimage))


def _xz(zimage: bytes) -> Iterator[tuple[int, bytes]]:
    at = -1
    while (at := zimage.find(b"\xfd7zXZ\0", at + 1)) >= 0:
        try:
            yield at, lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(zimage[at:])
        except lzma.LZMAError:
            continue


def image64(
    body: bytes = b"\x1f\x20\x03\xd5" * 64 + HVC["aarch64"] + b"\x1f\x20\x03\xd5" * 64,
    *,
    text_offset: int = 0,
    image_size: int | None = None,
    flags: int = 0b0010,
) -> bytes:
    size = 64 + len(body) if image_size is None else image_size
    fields = struct.pack("<QQQ", text_offset, size, flags)
    return b"\0\0\0\x14" + b"\0" * 4 + fields + b"\0" * 24 + b"ARM\x64" + b"\0" * 4 + body


def image64_v0() -> bytes:
    """As Linux before 3.17: no flags, no size; and before 3.12 no magic."""
    return struct.pack("<IIQ", 0x14000008, 0, 0x80000) + b"\0" * 48 + HVC["aarch64"] * 4 + b"Linux version 3.11\0"


def pe(machine: int, *, head: bytes = b"MZ", size: int = 0x600) -> bytes:
    """A PE program for UEFI of one section that fills it."""
    image = bytearray(size)
    image[: len(head)] = head
    struct.pack_into("<I", image, 0x3C, 0x80)
    struct.pack_into("<4sHH12xHH", image, 0x80, b"PE\0\0", machine, 1, 0, 0)
    struct.pack_into("<II", image, 0x80 + 24 + 16, size - 0x200, 0x200)
    return bytes(image)


def zboot(codec: bytes = b"gzip") -> bytes:
    """An arm64 kernel packed for UEFI: CONFIG_EFI_ZBOOT."""
    return pe(0xAA64, head=b"MZ\0\0zimg" + struct.pack("<II8x", 0x200, 0x400) + codec)


def note(name: bytes, kind: int, desc: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + b"\0" * (-len(data) % 4)

    return struct.pack("<III", len(name) + 1, len(desc), kind) + padded(name + b"\0") + padded(desc)


def elf(
    *,
    machine: int = 62,
    kind: int = 2,
    segments: tuple[tuple[int, bytes], ...] = (),
    sections: tuple[tuple[bytes, int, bytes], ...] = (),
    wide: bool = True,
) -> bytes:
    """An ELF file: segments are (p_type, content), sections (name, sh_type, content)."""
    eh, ph, sh = (64, 56, 64) if wide else (52, 32, 40)
    strings = b"\0" + b"".join(name + b"\0" for name, _, _ in sections) + b".shstrtab\0"
    rows = [(b"", 0, b""), *sections, (b".shstrtab", 3, strings)]
    at = eh + ph * len(segments) + sh * len(rows)
    body, heads = b"", b""
    for p_type, content in segments:
        place = (at + len(body), 0, 0, len(content), len(content))
        heads += struct.pack("<II5QQ", p_type, 5, *place, 4) if wide else struct.pack("<IIIIIIII", p_type, *place, 5, 4)
        body += content + b"\0" * (-len(content) % 4)
    for name, s_type, content in rows:
        label = strings.index(name + b"\0") if name else 0
        form = "<II4QIIQQ" if wide else "<10I"
        heads += struct.pack(form, label, s_type, 2 * (s_type == 1), 0, at + len(body), len(content), 0, 0, 0, 0)
        body += content + b"\0" * (-len(content) % 4)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + b"\0" * 9
    form = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    sh_at = eh + ph * len(segments)
    counts = (eh, ph, len(segments), sh, len(rows), len(rows) - 1)
    return ident + struct.pack(form, kind, machine, 1, 0, eh, sh_at, 0, *counts) + heads + body


def x86_mirage() -> bytes:
    """As the kernels of mirage-decks-deployment: ELF64 for x86-64, __xen_guest section, MirageOS and Mini-OS texts."""
    guest = b"GUEST_OS=Mini-OS,XEN_VER=xen-3.0,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,HYPERCALL_PAGE=0x2,LOADER=generic\0"
    data = b"\x1b[32;1mMirageOS booting...\n\0Unsupported function link called in Mini-OS kernel\0"
    text = b"\x48\x89\xe5\x0f\x05" * 400
    sections = ((b".text", 1, text), (b".data", 1, data), (b"__xen_guest", 1, guest))
    return elf(segments=((1, text + data),), sections=sections)


def solo5(target: int, machine: int = 183, *, pvh: bool = False) -> bytes:
    """A MirageOS 4 unikernel: Solo5's interpreter name and ABI note (target 1 hvt, 2 spt, 6 xen)."""
    abi = note(b"Solo5", 0x31494241, struct.pack("<IIII", target, 1, 0, 0))
    xen = (note(b"Xen", 18, struct.pack("<I", 0x100000)),) if pvh else ()
    notes = tuple((4, one) for one in (abi, *xen))
    return elf(machine=machine, segments=((3, b"/nonexistent/solo5/\0"), *notes, (1, b"\0" * 256)))


def vmlinux(machine: int, body: bytes = b"") -> bytes:
    """An unpacked Linux kernel, with the linker's build-id note."""
    text = (body or NOP * 16) + b"Linux version 6.1.0\0"
    wide = machine == 183
    build_id = note(b"GNU", 3, b"\1" * 20) + note(b"Linux", 0x100, b"\0\0\0\0")
    return elf(machine=machine, segments=((1, text), (4, build_id)), sections=((b".head.text", 1, text),), wide=wide)


def uimage(payload: bytes) -> bytes:
    """What mkimage wraps around a kernel for U-Boot's bootm."""
    head = struct.pack(">7I4B32s", 0x27051956, 0, 0, len(payload), 0x40008000, 0x40008000, 0, 5, 2, 2, 0, b"Linux")
    return head + payload


def cpio() -> bytes:
    """An initramfs with nothing in it."""
    entry = b"070701" + b"".join(b"%08X" % n for n in (0,) * 4 + (1,) + (0,) * 6 + (11, 0))
    return (entry + b"TRAILER!!!\0").ljust(512, b"\0")


def fdt(*, fit: bool = False) -> bytes:
    nodes = b"\0\0\0\1\0\0\0\0" + (b"\0\0\0\1images\0\0" if fit else b"\0\0\0\1cpus\0\0\0\0")
    return b"\xd0\x0d\xfe\xed" + struct.pack(">9I", 200, 56, 120, 40, 17, 16, 0, 20, 60) + b"\0" * 16 + nodes


NOT_KERNELS = {
    "uimage": b"\x27\x05\x19\x56" + b"\0" * 60,
    "fit": fdt(fit=True),
    "dtb": fdt(),
    "initramfs": b"070701" + b"0" * 104,
    "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "html": b"\n<!DOCTYPE html>\n<html><title>404</title></html>",
    "empty": b"",
    "bzimage": b"\0" * 0x1FE + b"\x55\xaa\0\0HdrS" + b"\0" * 64,
    "unknown": bytes(range(256)) * 4,
    "other": b"hello, world\n",
    "zboot": zboot(),
    "efi": pe(0xAA64),
    "packed": lzma.compress(b"x"),
}


def program(
    *, machine: int = 40, wide: bool = False, kind: int = 2, interpreter: str = "", libraries: tuple[str, ...] = (), align: int = 4096,
    address: int = 0x10000, entry: int = 0x10054, order: str = "<",
) -> bytes:  # fmt: skip
    """A program with one loaded segment, which holds all the rest."""
    header, row = (64, 56) if wide else (52, 32)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in libraries)
    places = [1 + sum(len(name) + 1 for name in libraries[:index]) for index in range(len(libraries))]
    count = 1 + bool(interpreter) + bool(libraries)
    start = header + row * count
    loader = interpreter.encode() + b"\0" if interpreter else b""
    text_at = start + len(loader)
    pair = order + ("QQ" if wide else "II")
    dynamic = b"".join(struct.pack(pair, 1, place) for place in places)
    dynamic += struct.pack(pair, 5, address + text_at) + struct.pack(pair, 10, len(names)) + struct.pack(pair, 0, 0)
    dynamic_at = text_at + len(names)
    size = dynamic_at + len(dynamic)

    def segment(what: int, offset: int, length: int, aligned: int) -> bytes:
        if wide:
            return struct.pack(order + "IIQQQQQQ", what, 5, offset, address + offset, 0, length, length, aligned)
        return struct.pack(order + "IIIIIIII", what, offset, address + offset, 0, length, length, 5, aligned)

    rows = segment(1, 0, size, align)
    rows += segment(3, start, len(loader), 1) if interpreter else b""
    rows += segment(2, dynamic_at, len(dynamic), 4) if libraries else b""
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    form = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    head = ident + struct.pack(form, kind, machine, 1, entry, header, 0, 0, header, row, count, 0, 0, 0)
    return head + rows + loader + names + dynamic
