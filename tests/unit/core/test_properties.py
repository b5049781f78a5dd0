"""What must hold for every kernel file, number and board: the invariants of tests/fuzz, on inputs that are nearly right."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from edgedeploy.artefact import fit as files_fit
from edgedeploy.artefact import probe as files
from edgedeploy.core import fit, kernel, memory, packing
from edgedeploy.core.board import BoardFacts
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.kernel import KernelInfo, Kind, LinuxTags
from edgedeploy.core.packing import Codec
from edgedeploy.profiles import catalog
from tests import kernels
from tests.fuzz import artefacts, documents, oracle
from tests.fuzz.shape import CODECS
from tests.fuzz.watched import Watched
from tests.needs import examples

PROFILES = catalog.load_all()
CUBIE, RPI4 = catalog.load("cubieboard2"), catalog.load("rpi4")
INNER = kernels.linux_payload(size=3000)
INSIDE = [codec for codec in CODECS if codec != packing.Codec.BZ2]  # which Linux does not pack an ARM zImage with
LINUX = [kernels.linux_zimage(INNER, packed=packing.pack(INNER, codec)) for codec in INSIDE]
FITS_32 = [kernels.zimage(), kernels.zimage(start=0x40008000), *LINUX]
SEEDS = artefacts.kernel_seeds()
POOLS = {"all": SEEDS, "elf": [seed for seed in SEEDS if seed[:4] == b"\x7fELF"], "zimage": [*LINUX, kernels.zimage()]}
POOLS["fits"] = [*FITS_32, kernels.image64(), artefacts.pe_image()]

words = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from(
        [
            0,
            1,
            4,
            0x30,
            0x40,
            0x40008000,
            0x7FFFFFFF,
            0xFFFFFFFF,
            0x400,
            0x800,
            0x1000,
            0x016F2818,
            0x45454545,
            0x5A534C4B,
            0x04030201,
        ]
    ),
    st.integers(0, 4096),
)


@st.composite
def damaged(draw: st.DrawFn, pool: str, reach: int = 0x80) -> bytes:
    """One of a pool's files with some words of its first `reach` bytes replaced, and maybe cut."""
    image = bytearray(POOLS[pool][draw(st.integers(0, len(POOLS[pool]) - 1))])
    assume(len(image) >= 8)
    places = st.sampled_from([0x08, 0x28, 0x2C, 0x30]) | st.integers(0, min(reach, len(image) - 4) // 4).map(
        lambda n: n * 4
    )
    for at, word in draw(st.lists(st.tuples(places, words), max_size=3)):
        if at + 4 <= len(image):
            struct.pack_into("<I", image, at, word)
    return bytes(image[: draw(st.one_of(st.just(len(image)), st.integers(0, len(image))))])


@st.composite
def tagged(draw: st.DrawFn) -> bytes:
    """A zImage whose tag table is anywhere and says anything."""
    image = bytearray(POOLS["zimage"][draw(st.integers(0, len(LINUX)))])
    table = draw(st.integers(0, len(image) + 64))
    fields = [draw(words) for _ in range(6)]
    if draw(st.booleans()):
        fields[1] = 0x5A534C4B
    if draw(st.booleans()):
        fields[2] = draw(st.integers(0, len(image)))
    struct.pack_into("<II", image, 0x34, 0x45454545, table)
    raw = struct.pack("<6I", *fields)
    if table >= 0x3C:
        image[table : table + len(raw)] = raw
    return bytes(image)


@given(st.one_of(damaged("all"), tagged(), damaged("elf", reach=400)))
@settings(max_examples=examples(400))
def test_no_header_makes_probe_raise_or_read_outside(image: bytes) -> None:
    artefacts.probe(image)  # its assertions are the invariants
    if image[:4] == b"\x7fELF":
        artefacts.read_elf(image)


@given(
    st.one_of(damaged("fits"), damaged("fits"), damaged("all"), tagged()),
    st.none() | st.integers(0, len(PROFILES) - 1),
    st.builds(
        DomainNeeds,
        st.integers(128, 256) | st.integers(0, 64) | st.integers(-5, 1 << 20),
        st.integers(1, 4) | st.integers(-1, 300),
        st.just(0) | st.integers(0, 1 << 26) | st.integers(0, 1 << 33),
    ),
    st.none()
    | st.builds(BoardFacts, free_memory_mb=st.integers(0, 1 << 16), machine=st.sampled_from(["armv7l", "aarch64"])),
)
@settings(max_examples=examples(400))
def test_no_numbers_make_the_verdict_raise_and_what_passes_the_real_loader_takes(image, which, needs, live) -> None:
    info = kernel.probe(image)
    profile = PROFILES[which] if which is not None else RPI4 if info.arch == "aarch64" else CUBIE
    misfits = fit.check(info, needs, profile, live)
    for misfit in (*misfits, *fit.warnings(info, needs, profile, live)):
        artefacts.sound(misfit)
    other = replace(profile, guests=profile.guests[::-1], compatible=profile.compatible[::-1])
    assert [m.code for m in fit.check(info, needs, other, live)] == [m.code for m in misfits]
    if not misfits:
        oracle.loads(image, needs, profile)
        oracle.loads(image, artefacts.at_least(info, needs), profile)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shallow_probe_reads_headers_however_large_the_file(seed: bytes) -> None:
    watched = Watched(seed + bytes(4 << 20), 0)  # no more than HEADERS
    kernel.probe(watched, deep=False)


def verdict(image: bytes, profile=CUBIE) -> list[str]:
    return [misfit.code for misfit in fit.check(kernel.probe(image), DomainNeeds(256), profile)]


@pytest.mark.parametrize("image", FITS_32)
def test_a_zimage_fits_whole_and_never_cut(image: bytes) -> None:
    assert verdict(image) == []
    for length in {*range(0x100), *range(0, len(image), 7), *range(len(image) - 40, len(image))} & set(
        range(len(image))
    ):
        assert verdict(image[:length]), length


def test_what_follows_a_zimage_may_be_cut_and_the_zimage_not() -> None:
    image = kernels.zimage(tail=b"junk" * 8)
    whole = len(image) - 32
    assert [length for length in range(len(image) + 1) if not verdict(image[:length])] == list(
        range(whole, len(image) + 1)
    )


def test_an_arm64_image_with_sections_fits_whole_and_never_cut() -> None:
    image = artefacts.pe_image()
    assert verdict(image, RPI4) == []
    for length in range(len(image)):
        assert verdict(image[:length], RPI4), length


@pytest.mark.parametrize("codec", CODECS)
def test_a_packed_kernel_fits_whole_and_never_cut(codec: Codec, tmp_path) -> None:
    path, packed = tmp_path / "kernel", packing.pack(kernels.zimage(), codec)
    for length in range(len(packed) + 1):
        path.write_bytes(packed[:length])
        misfits = files_fit.check(files.inspect(path), CUBIE, memory_mb=256)
        assert bool(misfits) == (length < len(packed)), length


@given(st.sampled_from(CODECS), st.binary(max_size=3000), st.integers(0, 3000), st.integers(0, 3000))
def test_unpacking_undoes_packing_within_the_limit_only(codec: Codec, data: bytes, limit: int, cut: int) -> None:
    packed, out = packing.pack(data, codec), io.BytesIO()
    if len(data) <= limit:
        assert packing.unpack(io.BytesIO(packed), out, limit=limit).size == len(data)
        assert out.getvalue() == data
    else:
        with pytest.raises(packing.PackingError) as caught:
            packing.unpack(io.BytesIO(packed), out, limit=limit)
        assert caught.value.code == "bomb"
        assert data.startswith(out.getvalue())
    if 16 <= cut < len(packed):
        with pytest.raises(packing.PackingError):
            packing.unpack(io.BytesIO(packed[:cut]), io.BytesIO())


sizes = st.one_of(st.integers(0, 1 << 24), st.integers(0, 1 << 28), st.integers(0, 2**32 - 1))
tags = st.none() | st.builds(LinuxTags, sizes, sizes, st.integers(0, 1 << 26))
infos = st.builds(
    KernelInfo,
    st.sampled_from([Kind.ZIMAGE32, Kind.IMAGE64]),
    size=st.integers(48, packing.LIMIT),
    what=st.just("a kernel"),
    system=st.sampled_from(["linux", "", "mirageos"]),
    declared=st.integers(0, 1 << 30),
    text_offset=st.sampled_from([0, 0x80000, 1 << 21, 1 << 27]),
    tags=tags,
)
ramdisks = st.one_of(st.just(0), st.integers(0, 1 << 26), st.integers(0, memory.RAMDISK_LIMIT))


@given(infos, ramdisks, st.integers(1, 5000), st.integers(1, 5000))
@settings(max_examples=examples(500))
def test_more_memory_never_hurts_the_guest(info: KernelInfo, ramdisk: int, mb: int, more: int) -> None:
    if memory.enough(info, mb, ramdisk):
        assert memory.enough(info, mb + 1, ramdisk)
        assert memory.enough(info, mb + more, ramdisk)
    elif ramdisk:
        assert not memory.enough(info, max(mb - more, 0), ramdisk)


@given(infos, ramdisks)
@settings(max_examples=examples(500))
@example(KernelInfo(Kind.ZIMAGE32, 5448192, "", system="linux", tags=LinuxTags(20582580, 386260, 0x208000)), 0)
def test_the_least_memory_is_the_least(info: KernelInfo, ramdisk: int) -> None:
    least = memory.least(info, ramdisk)
    if least is None:
        assert not memory.enough(info, 3072, ramdisk)
    else:
        assert memory.enough(info, least, ramdisk)
        assert not memory.enough(info, least - 1, ramdisk)


@given(infos, ramdisks, st.integers(1, 3072))
def test_a_smaller_ramdisk_never_hurts(info: KernelInfo, ramdisk: int, mb: int) -> None:
    if memory.enough(info, mb, ramdisk):
        assert memory.enough(info, mb, ramdisk // 2)
        assert memory.enough(info, mb, 0)


@given(st.integers(1, 1 << 20), st.integers(1, 128), st.integers(0, 1 << 10))
def test_the_boards_share_grows_with_what_the_guest_is_given(mb: int, vcpus: int, more: int) -> None:
    need = memory.host_need_mb(mb, vcpus)
    assert mb + 2 <= need <= memory.host_need_mb(mb + more, vcpus)
    assert need <= memory.host_need_mb(mb, vcpus + more)


@given(st.integers(0, 4000), st.integers(1, 8000), st.integers(1, 8))
def test_the_hint_of_too_little_board_memory_is_right(free: int, mb: int, vcpus: int) -> None:
    info, live = kernel.probe(kernels.zimage()), BoardFacts(free_memory_mb=free)

    def found(wanted: int) -> dict[str, str]:
        return {misfit.code: misfit.hint for misfit in fit.check(info, DomainNeeds(wanted, vcpus), CUBIE, live)}

    hint = found(mb).get("host-memory")
    if hint and hint.startswith("Set memory = "):
        most = int(hint.split()[3])
        assert "host-memory" not in found(most)
        assert "host-memory" in found(most + 1)
        assert most < mb


lines_of_text = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(lines_of_text | st.sampled_from(["a = 1", "b='#'", "c = [", "d = ['x',", "memory = 0x10", "vif = ['']"]), max_size=5))
def test_any_text_is_a_template_or_refused_as_one(lines: list[str]) -> None:
    documents.xl_conf("\n".join(lines).encode())
