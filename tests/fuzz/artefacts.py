"""Targets that read a kernel or ramdisk: probing, unpacking, and the verdict."""

from __future__ import annotations

import hashlib
import struct
import tempfile
from dataclasses import replace
from pathlib import Path

from edgedeploy.artefact import fit as files_fit
from edgedeploy.artefact import probe as files
from edgedeploy.core import elf, fit, kernel, packing, scan
from edgedeploy.core import memory as arithmetic
from edgedeploy.core.board import BoardFacts, Misfit
from edgedeploy.core.packing import Codec
from edgedeploy.profiles import catalog
from tests import kernels
from tests.fuzz import oracle, shape
from tests.fuzz.target import Target, ensure
from tests.fuzz.watched import HEADERS, Bounded, Watched

PROFILES = catalog.load_all()
TIMES = 20  # a flat pass, a pass for magics, twelve tries to unpack, and room
LIMIT = 64 * 1024
_NUMBERS = struct.Struct("<iHQBB")
CODES = kernels.linux_payload(size=1500)


def kernel_seeds() -> list[bytes]:
    packs = [kernels.linux_zimage(CODES, packed=packing.pack(CODES, codec)) for codec in shape.CODECS]
    return [
        *packs,
        kernels.zimage(),
        kernels.zimage(tail=kernels.fdt(), start=0x40008000),
        kernels.zimage(b"\0" * 100 + packing.pack(CODES, Codec.GZ)),
        kernels.zimage(b"\0" * 64 + b"(XEN) Xen version %d\0", marker=0x01020304),
        kernels.zimage(b"\0" * 64 + b"\x89LZO\0\r\n" + b"\1" * 64),
        kernels.image64(),
        kernels.image64(text_offset=0x80000, flags=0b100),
        pe_image(),
        kernels.elf(
            segments=((1, b"MirageOS Mini-OS"),), sections=((b".text", 1, b"\0" * 8), (b"__xen_guest", 1, b"GUEST_OS"))
        ),
        kernels.elf(machine=40, segments=((1, kernels.zimage()),), wide=False),
        kernels.elf(machine=183, segments=((3, b"/lib/ld.so\0"), (4, kernels.note(b"GNU", 3, b"\1" * 20)))),
        kernels.solo5(1),
        kernels.solo5(6, 62, pvh=True),
        *kernels.NOT_KERNELS.values(),
    ]


def pe_image(body: bytes = b"\0" * 0x600) -> bytes:
    """An arm64 Image with a PE header whose one section ends where the file does."""
    image = bytearray(kernels.image64(bytes(0x60) + kernels.HVC["aarch64"] + body))
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x40)
    struct.pack_into("<4sHH12xHH", image, 0x40, b"PE\0\0", 0xAA64, 1, 0, 0)
    struct.pack_into("<II", image, 0x40 + 24 + 16, len(image) - 0x200, 0x200)
    return bytes(image)


WORDS = (
    b"\x18\x28\x6f\x01", b"\x01\x6f\x28\x18", b"\x45\x45\x45\x45", b"KLSZ", b"\x01\x02\x03\x04", b"\x00\x80\x00\x40",
    b"ARM\x64", b"\x08\0\0\x14", b"MZ", b"PE\0\0", b"\x64\xaa", b"\x64\x86", b"HdrS", b"\x7fELF\2\1\1", b"\x7fELF\1\1\1",
    b"\x7fELF\1\2\1", b"Xen\0", b"Solo5\0", b"\x41\x42\x49\x31", b"GNU\0", b"__xen_guest", b"/nonexistent/solo5/",
    b"\xd0\x0d\xfe\xed", b"\0\0\0\1images\0", b"\x27\x05\x19\x56", b"070701", b"070702", b"version https://git-lfs",
    b"annex/objects/", b"<!DOCTYPE html", b"#!", b"ustar", b"PK\3\4", b"eGON.BT0", b"\x55\xaa",
    *kernels.HVC.values(), b"MirageOS", b"Mini-OS", b"Unikraft", b"Zephyr OS", b"Linux version ", b"(XEN) ",
    b"mod_unload modversions ARMv5", b"\x89LZO\0\r\n", b"\x02\x21\x4c\x18",
    b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"BZh91AY&SY", b"\x5d\0\0\x80\0" + b"\xff" * 8, b"\x28\xb5\x2f\xfd",
)  # fmt: skip


def probe(data: bytes) -> None:
    """Deep and shallow, bytes and file: no read outside, the same answer, and the two depths agree."""
    file = Watched(data, TIMES)
    deep = kernel.probe(file)
    ensure(deep == kernel.probe(data), "a file is read unlike its bytes")
    header = Watched(data, 2)
    shallow = kernel.probe(header, deep=False)
    ensure(header.total <= HEADERS, "a shallow probe read", header.total, "bytes")
    ensure((deep.kind, deep.arch, deep.size) == (shallow.kind, shallow.arch, shallow.size), deep, shallow)
    ensure(
        (deep.declared, deep.start, deep.text_offset) == (shallow.declared, shallow.start, shallow.text_offset), deep
    )
    ensure(shallow.hypercalls is None, "a shallow probe counted", shallow.hypercalls)
    ensure(deep.size == len(data) and deep.what and deep.what.isprintable(), deep)
    ensure(deep.hypercalls is None or 0 <= deep.hypercalls <= 64 << 20, deep.hypercalls)


def read_elf(data: bytes) -> None:
    """core.elf on its own, through the same reader that probe gives it."""
    file = Watched(data, TIMES)
    source = scan.Source(file)
    found = elf.read(source.at(0, 4096), source.at)
    ensure(found.arch.isprintable() and found.xen in ("", "pv", "pvh"), found)
    ensure(found.target in ("", "hvt", "spt", "virtio", "muen", "genode", "xen", "unknown"), found)
    ensure(
        all(offset >= 0 for offset in found.load) and found.marks <= {"big-endian", "relocatable", "userland"}, found
    )


def payload(data: bytes) -> None:
    """What a zImage holds packed; the first two bytes say where it ends."""
    end, body = int.from_bytes(data[:2], "little"), data[2:]
    for right in (lambda found: "linux" in found.seen, lambda _: True, lambda _: False):
        found, readable = scan.payload(scan.Source(Watched(body, TIMES)), end, right)
        ensure(found is None or (right(found) and readable), found)
        ensure(found is None or 0 <= found.size <= packing.LIMIT, found)


def unpack(data: bytes) -> None:
    """The first byte's bits choose the limit. Never more than it comes out, never another exception; packing goes back."""
    limit = (LIMIT, 100, 4096, 0)[data[0] & 3] if data else LIMIT
    body = data[1:]
    out = Bounded(limit)
    try:
        sha256, size = packing.unpack(Watched(body, 2), out, limit=limit)
    except packing.PackingError as error:
        ensure(error.code in ("codec-corrupt", "gz-trailer", "trailing", "codec-unsupported", "bomb"), error.code)
        ensure(error.message and error.hint, "a refusal without words:", error.code)
        return
    ensure(size == len(out.getvalue()) and sha256 == hashlib.sha256(out.getvalue()).hexdigest(), "wrong digest or size")
    codec = shape.CODECS[len(body) % len(shape.CODECS)]
    again = Bounded(LIMIT)
    packing.unpack(Watched(packing.pack(out.getvalue(), codec), 2), again, limit=LIMIT)
    ensure(again.getvalue() == out.getvalue(), "unpack(pack(x)) != x for", codec)


def inspect(data: bytes) -> None:
    """A file on disk, as `edgedeploy check` opens it, through to the sentence that refuses it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found = files.inspect(Path(file.name), limit=LIMIT)
    ensure(found.packed_size == len(data) and found.description, found)
    if found.fault:
        sound(found.fault)
        ensure((found.kind, found.size, found.sha256) == ("broken", 0, ""), found)
    else:
        ensure(found.size <= LIMIT and len(found.sha256) == 64, found)
        ensure(found.kernel.size == found.size, found)
        ensure(found.packed_sha256 == hashlib.sha256(data).hexdigest(), "wrong digest")
    for profile in (PROFILES[len(data) % len(PROFILES)], CUBIE):
        misfits = files_fit.check(found, profile, memory_mb=256, ramdisk=found)
        ensure(misfits, "a file that is its own ramdisk fits")  # it is a kernel or a ramdisk
        refusal = files_fit.refuse(found, profile, misfits)
        ensure(refusal.message.isprintable() and refusal.hint and len(refusal.details) == len(misfits), refusal)


def fits(data: bytes) -> None:
    """Sixteen bytes of numbers, then a file: the verdict on a profile, with and without live facts."""
    numbers, image = data[: _NUMBERS.size].ljust(_NUMBERS.size, b"\0"), data[_NUMBERS.size :]
    memory, vcpus, ramdisk, which, bits = _NUMBERS.unpack(numbers)
    needs = fit.DomainNeeds(memory % (1 << 21) if bits & 1 else memory % 512, vcpus if bits & 2 else vcpus % 8 + 1,
                            ramdisk if bits & 4 else ramdisk % (64 << 20))  # fmt: skip
    info = kernel.probe(image)
    profile = PROFILES[which % len(PROFILES)] if bits & 8 else RPI4 if info.arch == "aarch64" else CUBIE
    misfits = fit.check(info, needs, profile, _facts(bits, memory))
    for misfit in (*misfits, *fit.warnings(info, needs, profile, _facts(bits, memory))):
        sound(misfit)
    swapped = replace(profile, guests=profile.guests[::-1], compatible=profile.compatible[::-1])
    ensure(
        [m.code for m in misfits] == [m.code for m in fit.check(info, needs, swapped, _facts(bits, memory))], "order"
    )
    ensure(misfits == fit.check(info, needs, profile, _facts(bits, memory)), "two answers to one question")
    if not misfits:
        oracle.loads(image, needs, profile)
        least = at_least(info, needs)
        ensure(not fit.check(info, least, profile, _facts(bits, memory)), "what we call enough is not:", least)
        oracle.loads(image, least, profile)
    if info.kind is kernel.Kind.ZIMAGE32 and profile.supported and (info.declared or 0) > len(image):
        ensure(misfits, "accepted a file that its header says is longer")


def at_least(info: kernel.KernelInfo, needs: fit.DomainNeeds) -> fit.DomainNeeds:
    """The same with the least memory that we say is enough."""
    return replace(needs, memory_mb=arithmetic.least(info, needs.ramdisk_size) or needs.memory_mb)


def _facts(bits: int, number: int) -> BoardFacts | None:
    if not bits & 16:
        return None
    caps = (("xen-3.0-armv7l",), ("xen-3.0-aarch64", "xen-3.0-armv7l"), (), None)[bits >> 5 & 3]
    part = ("0xd0b", "0xd03", "", None)[number & 3]
    free = abs(number) % 5000 if bits & 128 else None
    return BoardFacts(machine=("armv7l", "aarch64")[number & 1], xen_caps=caps, cpu_part=part, free_memory_mb=free)


def sound(misfit: Misfit) -> None:
    ensure(misfit.code and misfit.code == misfit.code.strip().lower() and " " not in misfit.code, misfit)
    ensure(misfit.field and misfit.found and misfit.hint, "words are missing:", misfit)
    ensure(misfit.line().isprintable() and len(misfit.line()) < 1000, misfit)
    ensure(Misfit.from_plain(misfit.to_plain()) == misfit, misfit)


CUBIE, RPI4 = catalog.load("cubieboard2"), catalog.load("rpi4")


def _with_numbers() -> list[bytes]:
    rows = ((256, 1, 0, 0, 0), (96, 2, 1 << 20, 3, 0xFF), (-1, 0, 1 << 40, 14, 0x1F), (24, 9, 0, 9, 0x9D))
    return [_NUMBERS.pack(*row) + seed for row in rows for seed in kernel_seeds()]


def _packed() -> list[bytes]:
    raws = (b"", b"x" * 3000, CODES)
    seeds = [b"\0" + packing.pack(raw, codec) for raw in raws for codec in shape.CODECS]
    joined = packing.pack(b"one", Codec.XZ) + packing.pack(b"two", Codec.XZ) + b"\0" * 8
    big_dictionary = b"\x5d\0\0\0\x20" + b"\xff" * 8 + b"\0" * 20
    return [*seeds, b"\0" + joined, b"\0" + big_dictionary, b"\1" + packing.pack(bytes(50_000), Codec.GZ), b"\0plain"]


def _payloads() -> list[bytes]:
    return [b"\xff\xff" + seed for seed in kernel_seeds()[:8]]


def _unpack_seeds_alone() -> list[bytes]:
    return [seed[1:] for seed in _packed()] + kernel_seeds()


TARGETS = (
    Target("probe", probe, kernel_seeds, WORDS, shape.kernel, share=2),
    Target("elf", read_elf, lambda: [seed for seed in kernel_seeds() if seed[:4] == b"\x7fELF"], WORDS, shape.elf),
    Target("payload", payload, _payloads, WORDS, shape.behind(2, shape.zimage), share=2),
    Target("unpack", unpack, _packed, WORDS[-8:], shape.behind(1, shape.packed)),
    Target("inspect", inspect, _unpack_seeds_alone, WORDS, shape.kernel, share=2),
    Target("fit", fits, _with_numbers, WORDS, shape.behind(_NUMBERS.size, shape.kernel), share=2),
)
