"""Kernel and ramdisk together, and the refusal a person reads."""

import pytest

from edgedeploy.artefact import fit, probe
from edgedeploy.core import errors, packing
from edgedeploy.core.board import BoardFacts
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.packing import Codec
from edgedeploy.profiles import catalog
from tests import kernels

CUBIE = catalog.load("cubieboard2", None)


def made(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    return probe.inspect(tmp_path / name)


def refused(artefact, profile=CUBIE, *, ramdisk=None, memory_mb=256, live=None):
    misfits = fit.check(artefact, profile, live, memory_mb=memory_mb, ramdisk=ramdisk)
    error = fit.refuse(artefact, profile, misfits)
    assert isinstance(error, errors.DoesNotFit)
    assert error.exit_code == 20
    assert len(error.details) == len(misfits)
    return error


def test_the_refusal_leads_with_what_the_file_is(tmp_path):
    error = refused(made(tmp_path, packing.pack(kernels.x86_mirage(), Codec.BZ2), "decksopenmirageorg.xen.bz2"))
    assert error.message == (
        "decksopenmirageorg.xen.bz2 is an x86-64 MirageOS (Mini-OS) kernel for Xen PV; "
        "cubieboard2 runs 32-bit ARM (ARMv7)"
    )
    assert "boards" in error.hint


def test_other_refusals(tmp_path):
    good = made(tmp_path, kernels.linux_zimage(), "good")
    assert refused(good, memory_mb=3000).message.endswith("with what it is given it does not fit cubieboard2")
    never = refused(good, catalog.load("rpi3"))
    assert never.message.endswith("; a Raspberry Pi 3 runs no Xen guests")
    assert "Broadcom's own interrupt controller" in never.details[0]
    cut = made(tmp_path, packing.pack(kernels.linux_zimage(), Codec.XZ)[:-50], "cut.xz")
    assert refused(cut).message == "cut.xz is a damaged .xz file; it cannot run on cubieboard2"


def test_a_damaged_file_still_has_its_other_misfits(tmp_path):
    cut = made(tmp_path, packing.pack(b"x" * 500, Codec.XZ)[:-9], "cut.xz")
    assert [one.code for one in fit.check(cut, CUBIE, memory_mb=4000, vcpus=9)] == [
        "codec-corrupt", "host-memory", "vcpus",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (kernels.zimage(), "zImage"),
        (kernels.NOT_KERNELS["html"], "a web page"),
        (packing.pack(b"x" * 500, Codec.GZ)[:-9], "stops before its end"),
    ],
)
def test_a_ramdisk_that_is_none(tmp_path, data, found):
    kernel, ramdisk = made(tmp_path, kernels.linux_zimage(), "k"), made(tmp_path, data, "r")
    (misfit,) = fit.check(kernel, CUBIE, memory_mb=256, ramdisk=ramdisk)
    assert misfit.code == "ramdisk"
    assert found in misfit.found


def test_a_ramdisk_counts_unpacked(tmp_path):
    kernel = made(tmp_path, kernels.linux_zimage(), "k")
    cpio = kernels.NOT_KERNELS["initramfs"] + bytes(30 << 20)
    ramdisk = made(tmp_path, packing.pack(cpio, Codec.GZ), "r.gz")
    assert [one.code for one in fit.check(kernel, CUBIE, memory_mb=56, ramdisk=ramdisk)] == ["guest-memory"]
    assert fit.check(kernel, CUBIE, memory_mb=80, ramdisk=ramdisk) == ()


def test_what_only_this_computer_can_unpack_is_worth_a_word(tmp_path):
    kernel = made(tmp_path, packing.pack(kernels.zimage(), Codec.ZST), "k.zst")
    facts = BoardFacts(free_memory_mb=500)
    assert fit.check(kernel, CUBIE, facts, memory_mb=64) == ()
    assert [one.code for one in fit.warnings(kernel, CUBIE, facts, memory_mb=64)] == ["codec-on-board"]


@pytest.mark.parametrize("data", [kernels.uimage(kernels.cpio()), kernels.fdt(), b"PK\3\4" + bytes(60), b"text\n"])
def test_ramdisks_of_the_wrong_kind_are_refused(tmp_path, data):
    kernel, ramdisk = made(tmp_path, kernels.linux_zimage(), "k"), made(tmp_path, data, "r")
    (misfit,) = fit.check(kernel, CUBIE, memory_mb=256, ramdisk=ramdisk)
    assert (misfit.code, bool(misfit.hint)) == ("ramdisk", True)


def test_a_ramdisk_that_is_a_file_system_passes(tmp_path):
    kernel, ramdisk = made(tmp_path, kernels.linux_zimage(), "k"), made(tmp_path, b"hsqs" + bytes(9000), "r")
    assert fit.check(kernel, CUBIE, memory_mb=256, ramdisk=ramdisk) == ()


@pytest.mark.parametrize(
    ("bridges", "live", "said"),
    [
        (("xenbr0",), None, []),
        ((), None, []),
        (("br7", "xenbr0", "br7"), None, ["br7"]),
        (("br7", "br8"), BoardFacts(machine="armv7l"), ["br7", "br8"]),
        (("br7",), BoardFacts(bridges=("br7",)), []),  # the board has been asked
    ],
)
def test_a_bridge_that_is_not_the_usual_one_is_worth_a_word(tmp_path, bridges, live, said):
    kernel, domain = made(tmp_path, kernels.zimage(), "k"), DomainNeeds(64, bridges=bridges)
    assert fit.check(kernel, CUBIE, live, domain=domain) == ()
    found = [one for one in fit.warnings(kernel, CUBIE, live, domain=domain) if one.code == "bridge-differs"]
    assert [one.found.partition(",")[0] for one in found] == said


def test_live_facts_are_asked_first(tmp_path):
    kernel = made(tmp_path, kernels.linux_zimage(), "k")
    assert fit.check(kernel, CUBIE, BoardFacts(free_memory_mb=50), memory_mb=64)
    assert fit.warnings(kernel, CUBIE, BoardFacts(free_memory_mb=500), memory_mb=64) == ()
