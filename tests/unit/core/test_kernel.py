"""What a file is, from its bytes alone."""

import gzip
import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.core import kernel, lz4legacy, packing
from edgedeploy.core.kernel import Kind
from edgedeploy.core.packing import Codec
from tests import kernels


def test_the_unikernel_that_decks_served_is_named_for_what_it_is():
    info = kernel.probe(kernels.x86_mirage())
    assert info.what == "an x86-64 MirageOS (Mini-OS) kernel for Xen PV"
    assert (info.kind, info.arch, info.system) == (Kind.ELF, "x86-64", "mirageos")
    assert info.xen_guest is None  # the question is about ARM


def test_a_flat_arm_mirage():
    info = kernel.probe(kernels.zimage())
    assert info.what == "a 32-bit ARM MirageOS (Mini-OS) kernel (zImage) built for Xen"
    assert info.declared == info.size
    assert (info.start, info.hypercalls, info.marks) == (0, 1, frozenset())


def test_a_linux_zimage_is_read_through_its_packing():
    info = kernel.probe(kernels.linux_zimage())
    assert info.what == "a 32-bit ARM Linux kernel (zImage) built for Xen"
    assert info.hypercalls == 14
    assert info.level == "armv7"
    assert info.tags == kernel.LinuxTags(200_000, 390_000, 0x208000)


def test_an_older_linux_has_no_table_but_its_payload_is_found():
    inner = kernels.linux_payload()
    info = kernel.probe(kernels.zimage(b"\0" * 100 + gzip.compress(inner)))
    assert (info.system, info.hypercalls) == ("linux", 14)
    assert info.tags == kernel.LinuxTags(len(inner), 0, 0x8000)


def test_codecs_that_python_lacks_leave_the_question_open(monkeypatch):
    monkeypatch.setattr(lz4legacy, "available", lambda: False)
    monkeypatch.setattr(packing, "zstd_available", lambda: False)
    for magic in (b"\x02\x21\x4c\x18", b"\x89LZO\0\r\n", b"\x28\xb5\x2f\xfd"):
        info = kernel.probe(kernels.linux_zimage(packed=magic + b"\1" * 5000))
        assert info.xen_guest is None
        assert "payload" not in info.marks


@pytest.mark.parametrize(
    ("codec", "size_inside"), [(Codec.XZ, False), (Codec.LZMA, False), (Codec.GZ, True), (Codec.ZST, False)]
)
def test_every_codec_that_linux_uses_is_read_with_the_table_and_without(codec, size_inside):
    inner = kernels.linux_payload()
    packed = packing.pack(inner, codec)
    assert kernel.probe(kernels.linux_zimage(packed=packed, size_inside=size_inside)).hypercalls == 14
    assert kernel.probe(kernels.old_linux_zimage(packed)).hypercalls == 14


def test_lz4_as_linux_uses_it_is_read():
    inner = kernels.linux_payload(size=9 << 20)  # more than one block
    packed = kernels.lz4_legacy(inner)
    for image in (kernels.linux_zimage(inner, packed=packed), kernels.old_linux_zimage(packed, len(inner))):
        assert kernel.probe(image).hypercalls == 14
    # its blocks have no checksum: only what changes the size is seen, by us and by the kernel
    assert "payload" in kernel.probe(kernels.linux_zimage(inner, packed=packed[:-99])).marks


def test_an_old_linux_with_a_damaged_payload_is_damaged_not_foreign():
    packed = bytearray(gzip.compress(kernels.linux_payload()))
    packed[len(packed) // 2] ^= 0xFF
    info = kernel.probe(kernels.old_linux_zimage(bytes(packed)))
    assert info.system == "linux"
    assert "payload" in info.marks


def test_tables_before_text_offset_was_in_them():
    image = bytearray(kernels.linux_zimage())
    image[0x50:0x54] = struct.pack("<I", 4)
    assert kernel.probe(bytes(image)).tags == kernel.LinuxTags(200_000, 390_000, 0x8000)


def test_a_damaged_payload_is_marked():
    image = bytearray(kernels.linux_zimage())
    image[len(image) - 300] ^= 0xFF
    assert "payload" in kernel.probe(bytes(image)).marks


def test_all_tries_for_a_payload_together_are_bounded(monkeypatch):
    unpacked = []

    def watched(*args, **kwargs):
        for piece in inflate(*args, **kwargs):
            unpacked.append(len(piece))
            yield piece

    inflate = packing.inflate
    monkeypatch.setattr(packing, "inflate", watched)
    monkeypatch.setattr(packing, "LIMIT", 4 << 20)
    bombs = gzip.compress(bytes(3 << 20)) * 9
    assert "payload" in kernel.probe(kernels.linux_zimage(packed=bombs)).marks
    assert sum(unpacked) <= packing.LIMIT + 9 * packing.CHUNK


def test_a_file_of_hypercalls_is_not_counted_to_its_end():
    info = kernel.probe(kernels.zimage(kernels.HVC["armv7l"] * 200_000))
    assert 10_000 <= info.hypercalls < 200_000


def test_the_level_is_the_one_of_the_vermagic():
    def level(text: bytes) -> str:
        return kernel.probe(kernels.linux_zimage(b"Linux version 6.1.0\0" + text)).level

    text = b"ARMv4 mod_unload ARMv5 mod_unload\nARMv6 " + b"mod_unload " + b"x" * 41 + b"ARMv8 "
    assert level(text + b"\0" * 300) == "armv5"
    late = b"\0" * (1 << 20) + b"mod_unload " + b"x" * 40 + b"ARMv7"
    for shift in range(0, 70, 7):
        assert level(late[0x40 + shift :]) == "armv7", shift
    assert level(text[41:]) == ""


@pytest.mark.parametrize(
    "slide",
    [
        b"<pre>(XEN) Xen version 4.17</pre>",
        b"Uncompressing Linux... done, booting the kernel.\0" + gzip.compress(b"an asset" * 999),
        gzip.compress(b"Linux version 6.1.0 " + bytes(i * 7 % 251 for i in range(9999))) * 9,
        b"mod_unload ARMv6 ",
    ],
    ids=["xen", "an asset", "a kernel's words", "modules"],  # gzip's own date would be in the tests' names
)
@pytest.mark.parametrize("build", [kernels.zimage, kernels.image64])
def test_what_a_unikernel_tells_on_its_slides_does_not_make_it_another(build, slide):
    """A talk on Xen or Linux, compiled into its own kernel: its code is not packed, and makes hypercalls."""
    code = kernels.HVC["armv7l"] if build is kernels.zimage else kernels.HVC["aarch64"]
    info = kernel.probe(build(code * 16 + slide))
    assert info.xen_guest is True
    assert info.marks == frozenset()
    assert (info.level, info.tags) == ("", None)


def test_the_loader_for_64_bits_is_asked_first():
    both = kernels.zimage()
    for image in (both[:56] + b"ARM\x64" + both[60:], b"\x08\0\0\x14" + both[4:]):
        assert kernel.probe(image).kind is Kind.IMAGE64
    assert kernel.probe(b"\x1f\x8b" + both[2:]).kind is Kind.PACKED


def test_what_follows_a_64_bit_image():
    plain = kernels.image64()
    assert kernel.probe(plain + kernels.fdt()).marks == {"appended-dtb"}
    assert kernel.probe(plain + b"x" * 9).marks == {"trailing"}
    unikraft = kernels.image64(kernels.HVC["aarch64"] * 64 + b"Unikraft\0" + bytes(999))
    assert kernel.probe(unikraft).marks == frozenset()
    assert kernel.probe(unikraft[:-500]).marks == {"cut"}


def test_without_deep_only_headers_are_read():
    info = kernel.probe(kernels.linux_zimage(), deep=False)
    assert info.hypercalls is None
    assert info.system == "linux"


def test_hypercalls_count_only_where_an_instruction_can_be():
    misaligned = kernels.zimage(b"\0" + kernels.HVC["armv7l"] + b"\0" * 60)
    thumb = kernels.zimage(b"\0\0" + kernels.HVC["thumb"] + b"\0" * 60)
    assert kernel.probe(misaligned).hypercalls == 0
    assert kernel.probe(thumb).hypercalls == 1


def test_a_pattern_across_two_pieces_is_seen_once():
    body = b"\0" * (1024 * 1024 - 0x40 - 4) + kernels.HVC["armv7l"] * 2 + b"\0" * 400
    assert kernel.probe(kernels.zimage(body)).hypercalls == 2


def test_zimage_ends():
    assert "trailing" in kernel.probe(kernels.zimage(tail=b"junk" * 8)).marks
    assert "appended-dtb" in kernel.probe(kernels.zimage(tail=kernels.fdt())).marks


def test_byte_orders():
    assert "big-endian" in kernel.probe(kernels.zimage(marker=0x01020304)).marks
    swapped = kernels.NOP * 9 + struct.pack(">IIII", 0x016F2818, 0, 64, 0) + b"\0" * 64
    assert "big-endian" in kernel.probe(swapped).marks
    assert "big-endian" in kernel.probe(kernels.image64(flags=1)).marks


def test_the_hypervisor_is_not_its_guest():
    info = kernel.probe(kernels.zimage(b"\0" * 64 + b"(XEN) Xen version %d\0"))
    assert info.what == "the Xen hypervisor itself (32-bit ARM)"
    assert "hypervisor" in info.marks


@pytest.mark.parametrize(("flags", "page_kb"), [(0b010, 4), (0b100, 16), (0b110, 64), (0, 0)])
def test_arm64_images(flags, page_kb):
    info = kernel.probe(kernels.image64(flags=flags, image_size=1 << 20))
    assert (info.kind, info.arch, info.page_kb, info.declared) == (Kind.IMAGE64, "aarch64", page_kb, 1 << 20)
    assert info.hypercalls == 1


def test_an_arm64_image_without_the_magic_is_one_to_xl_too():
    info = kernel.probe(struct.pack("<IIQQ", 0x14000008, 0, 0x80000, 0) + b"\xff" * 100)
    assert (info.kind, info.text_offset, info.page_kb, info.marks) == (Kind.IMAGE64, 0x80000, 0, frozenset())


def test_a_cut_pe_image():
    image = bytearray(kernels.image64(b"\0" * 400))
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x80)
    struct.pack_into("<4sHH12xHH", image, 0x80, b"PE\0\0", 0xAA64, 1, 0, 0)
    struct.pack_into("<II", image, 0x80 + 24 + 16, 0x200, 0x1000)
    assert "cut" in kernel.probe(bytes(image)).marks
    assert "cut" in kernel.probe(bytes(image[:0x70])).marks  # before its PE header


@pytest.mark.parametrize(
    ("image", "what", "target"),
    [
        (kernels.solo5(6, 62, pvh=True), "an x86-64 Solo5 (MirageOS 4) kernel for Xen PVH", "xen"),
        (kernels.solo5(1), "a 64-bit ARM Solo5 (MirageOS 4) kernel for hvt, not Xen (ELF)", "hvt"),
        (kernels.solo5(2), "a 64-bit ARM Solo5 (MirageOS 4) kernel for spt, not Xen (ELF)", "spt"),
        (kernels.solo5(99), "a 64-bit ARM Solo5 (MirageOS 4) kernel for unknown, not Xen (ELF)", "unknown"),
        (kernels.elf(segments=((3, b"/lib/ld.so\0"),)), "an x86-64 program (not a kernel)", ""),
        (kernels.elf(machine=40, kind=1, wide=False), "a 32-bit ARM object file or module (ELF)", ""),
        (kernels.elf(machine=243), "a RISC-V ELF file", ""),
        (kernels.elf(machine=999), "an unknown-machine ELF file", ""),
        (b"\x7fELF\2\1\1", "an unknown-machine ELF file", ""),
    ],
)
def test_elf(image, what, target):
    info = kernel.probe(image)
    assert (info.what, info.target) == (what, target)


def test_an_arm_elf_that_objcopy_would_make_a_kernel_of():
    flat = kernels.zimage()
    for image in (
        kernels.elf(machine=40, segments=((1, flat),), wide=False),
        kernels.elf(machine=183, segments=((1, kernels.image64()),)),
        # the first segment begins with the ELF header itself, the code is elsewhere
        kernels.elf(machine=40, segments=((1, b"\x7fELF"),), sections=((b".text", 1, flat),), wide=False),
    ):
        assert "objcopy" in kernel.probe(image).marks
    headless = kernels.elf(machine=183, segments=((1, b"\0" * 64 + kernels.HVC["aarch64"]),))
    assert "objcopy" not in kernel.probe(headless).marks


def test_an_unpacked_linux_is_a_kernel_although_it_has_a_build_id():
    info = kernel.probe(kernels.vmlinux(40))
    assert (info.what, info.marks) == ("a 32-bit ARM Linux kernel (ELF)", frozenset())


@pytest.mark.parametrize("kind", kernels.NOT_KERNELS)
def test_what_is_no_kernel(kind):
    info = kernel.probe(kernels.NOT_KERNELS[kind])
    assert info.kind.value == kind
    assert info.what


@pytest.mark.parametrize(
    ("data", "kind", "what"),
    [
        (b"\x89PNG\r\n\x1a\n", "other", "a PNG picture"),
        (b"\0" * 257 + b"ustar", "other", "a tar archive"),
        (b"PK\3\4", "other", "a zip archive"),
        (b"#!/bin/sh\n", "other", "a script"),
        (b"<?xml version='1.0'?><Error>", "html", "a web page (an error page saved as the file?)"),
        (b"\xef\xbb\xbf<html>", "html", "a web page (an error page saved as the file?)"),
        (b"\0" * 510 + b"\x55\xaa", "unknown", "a disk image"),
        (b"\0" * 5000 + b"x", "unknown", "no kernel that edgedeploy knows"),
        (b"\0" * 5000, "empty", "a file of zeros"),
        (b"\x7f\0U-Boot 2023.01", "unknown", "a U-Boot boot loader"),
        (b"\x04\x22\x4d\x18....", "packed", "a .lz4 file"),
        (b"\0" * 0x30 + b"RISCV\0\0\0RSC\5", "unknown", "a RISC-V Linux kernel"),
        (kernels.zboot(b"zstd"), "zboot", "a packed (zstd) kernel for UEFI (EFI zboot)"),
        (kernels.zboot(b"\xff"), "zboot", "a kernel for UEFI (EFI zboot)"),
        (kernels.pe(0x1C2), "efi", "a UEFI program (a boot loader?)"),
    ],
)
def test_things_are_called_by_their_name(data, kind, what):
    info = kernel.probe(data)
    assert (info.kind.value, info.what) == (kind, what)


def test_a_file_is_read_like_bytes():
    image = kernels.linux_zimage()
    assert kernel.probe(io.BytesIO(image)) == kernel.probe(image)


MAGICS = [b"", b"\x7fELF\2\1", b"\x7fELF\1\2", b"MZ", b"\xd0\x0d\xfe\xed", b"\x5d\0\0", b"\0\0\0\x14"]


@settings(deadline=None)
@given(st.sampled_from(MAGICS), st.binary(max_size=600))
def test_no_bytes_make_it_raise(magic, rest):
    assert kernel.probe(magic + rest).size == len(magic + rest)


WHOLE = [
    kernels.zimage(),
    kernels.linux_zimage(),
    kernels.image64(),
    kernels.x86_mirage(),
    kernels.solo5(1),
    kernels.fdt(),
]


@settings(deadline=None)  # a busy machine is no fault of the kernel's
@given(st.data())
def test_no_damage_makes_it_raise(data):
    image = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(st.integers(0, min(len(image), 300) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(image)))
    assert kernel.probe(bytes(image[:cut])).size == cut
