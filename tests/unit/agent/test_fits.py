"""The agent's own check: whatever does not fit is refused by the board itself, with the guest on air untouched.

The laptop's check may have been skipped (--force, a git pull by hand, cron): here nothing of it ran.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import facts
from edgedeploy.core import errors, names, packing
from edgedeploy.core.packing import Codec
from edgedeploy.core.release import Vif
from tests import kernels
from tests.unit.agent.model import ModelBoard

ARM64 = {"machine": "aarch64", "xen_caps": "xen-3.0-aarch64 xen-3.0-armv7l"}
LINUX = kernels.linux_zimage()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelBoard]:
    monkeypatch.setattr(facts, "bridges", lambda: ("xenbr0",))
    monkeypatch.setattr(facts, "gic", lambda: 2)
    monkeypatch.setattr(facts, "_read", lambda path: "CPU part\t: 0xd08\n" if path.name == "cpuinfo" else "")
    board = ModelBoard(tmp_path)
    yield board
    board.xen.close()


def refused(model: ModelBoard, **given: Any) -> list[str]:
    """Deploy r1, then push a release `given` past the laptop; returns the lines the person reads."""
    if not model.xen.on_air:
        model.release("r1")
        assert model.deploy()["verdict"] == "live"
    model.xen.calls.clear()
    model.release("r2", **given)
    with pytest.raises(errors.DoesNotFit, match="does not fit this board; nothing was touched") as caught:
        model.deploy()
    assert (model.xen.calls, model.xen.on_air, caught.value.exit_code) == ([], "r1", 20)
    assert caught.value.hint
    return list(caught.value.details)


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        # kernels that xl takes, and that then crash or stay silent
        (kernels.zimage(b"no hypercall at all "), "Xen support"),
        (kernels.zimage(start=0x60008000), "start address"),
        (kernels.zimage(declared=50_000), "size"),
        (kernels.zimage(tail=kernels.fdt()), "device tree"),
        (kernels.zimage(b"\0" * 64 + b"(XEN) Xen version\0"), "kernel"),
        (kernels.linux_zimage(kernels.linux_payload(level=5)), "CPU level"),
        # and what it does not
        (kernels.image64(), "architecture"),
        (kernels.x86_mirage(), "architecture"),
        (kernels.elf(machine=40, wide=False), "format"),
        (b"<!doctype html>", "kernel"),
    ],
)
def test_the_kernel(model: ModelBoard, kernel: bytes, said: str) -> None:
    (line,) = refused(model, kernel=kernel)
    assert line.startswith(f"{said}: ")


@pytest.mark.parametrize(
    ("ramdisk", "said"),
    [
        (kernels.NOT_KERNELS["lfs-pointer"], "a git-lfs pointer"),
        (bytes(100_000), "a file of zeros"),
        (LINUX, "a 32-bit ARM Linux kernel (zImage)"),
        (kernels.image64(), "a 64-bit ARM kernel (Image)"),
        (kernels.elf(machine=40, wide=False), "a 32-bit ARM"),
        (kernels.NOT_KERNELS["html"], "a web page"),
        (kernels.uimage(kernels.cpio()), "a U-Boot image"),
        (kernels.fdt(), "a device tree blob"),
        (b"PK\3\4" + bytes(60), "a zip archive"),
        (b"text\n", "a text file"),
    ],
)
@pytest.mark.parametrize("codec", [Codec.XZ, Codec.NONE])
def test_the_ramdisk(model: ModelBoard, ramdisk: bytes, said: str, codec: Codec) -> None:
    (line,) = refused(model, kernel=LINUX, ramdisk=ramdisk, codec=codec)
    assert line.startswith(f"ramdisk: ramdisk.cpio is {said}")
    assert "; needs a ramdisk. " in line


@pytest.mark.parametrize(
    ("ramdisk", "codec"),
    [
        (kernels.cpio(), Codec.XZ),
        (kernels.cpio(), Codec.NONE),
        (packing.pack(kernels.cpio(), Codec.GZ), Codec.NONE),  # for the guest's own kernel to unpack
        (packing.pack(kernels.cpio(), Codec.GZ) + kernels.cpio(), Codec.XZ),
        (bytes(70_000) + b"a file system's first block", Codec.XZ),
        (bytes(range(256)) * 4, Codec.NONE),
    ],
)
def test_what_may_be_a_ramdisk(model: ModelBoard, ramdisk: bytes, codec: Codec) -> None:
    model.release("r1", kernel=LINUX, ramdisk=ramdisk, codec=codec)
    assert model.deploy()["verdict"] == "live"
    (config,) = (model.layout.root).rglob("*.cfg")
    path = re.search(r'ramdisk = "([^"]+)"', config.read_text())
    assert path is not None
    assert Path(path[1]).read_bytes() == ramdisk


def test_kernel_and_ramdisk_are_refused_together(model: ModelBoard) -> None:
    lines = refused(model, kernel=kernels.x86_mirage(), ramdisk=LINUX)
    assert [line.partition(":")[0] for line in lines] == ["architecture", "ramdisk"]


def test_the_guest_s_memory(model: ModelBoard) -> None:
    (line,) = refused(model, kernel=LINUX, memory=16)
    assert line == "guest memory: 16 MB; needs 32 MB. Set memory = 32 or more"


def test_the_board_s_memory(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.calls.clear()
    model.release("r2", memory=900)
    with pytest.raises(errors.NoRoom, match="nothing was touched"):
        model.deploy()
    assert (model.xen.calls, model.xen.on_air) == ([], "r1")


def test_the_virtual_cpus(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refused(model, vcpus=9)
    assert line == "virtual CPUs: 9; needs 1 to 8. Set vcpus = 2"
    # 64-bit Xen with a GICv3 gives up to 128
    model.xen.says = ARM64
    monkeypatch.setattr(facts, "gic", lambda: 3)
    model.release("r3", vcpus=9)
    assert model.deploy()["verdict"] == "live"


def test_the_interrupt_controller(model: ModelBoard) -> None:
    (line,) = refused(model, gic_version="v3")
    assert line.startswith("interrupt controller: the board has a GICv2; needs a GICv3. Leave gic_version out")
    model.release("r3", gic_version="v2")
    assert model.deploy()["verdict"] == "live"


def test_an_interrupt_controller_that_cannot_act_as_the_older_one(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    model.xen.says = ARM64
    monkeypatch.setattr(facts, "gic", lambda: 3)
    model.release("r0", gic_version="v2")
    assert model.deploy()["verdict"] == "live"
    monkeypatch.setattr(facts, "_read", lambda path: "CPU part\t: 0xd0b\n")
    model.release("r2", kernel=kernels.image64(), gic_version="v2")
    with pytest.raises(errors.DoesNotFit) as caught:
        model.deploy()
    assert caught.value.details[0].startswith("interrupt controller: the board has a GICv3 that cannot act as one (0xd0b)")
    assert model.xen.on_air == "r0"


def test_the_bridge(model: ModelBoard) -> None:
    (line,) = refused(model, vifs=(Vif(names.BridgeName("br9")), Vif(names.BridgeName("xenbr0"))))
    assert line.startswith("network bridge: the board has xenbr0; needs br9.")


def test_a_core_that_runs_no_32_bit_kernels_whatever_xen_says(model: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    model.release("r1")
    model.deploy()
    model.xen.says = ARM64
    monkeypatch.setattr(facts, "_read", lambda path: "CPU part\t: 0xd0b\n")
    (line,) = refused(model)
    assert "0xd0b, which runs 32-bit programs but no 32-bit kernels" in line


def test_a_core_without_16_kb_pages(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    model.xen.says = ARM64
    (line,) = refused(model, kernel=kernels.image64(flags=0b100))
    assert line.startswith("page size: 16 KB pages")


def test_a_xen_that_puts_guests_elsewhere(model: ModelBoard) -> None:
    (line,) = refused(model, kernel=kernels.zimage(start=0x80008000))
    assert "0x40008000" in line
    model.xen.says = {"xen_minor": "4"}
    (line,) = refused(model, kernel=kernels.zimage(start=0x40008000))
    assert line.startswith("start address: 0x40008000; needs 0 or 0x80008000")


def test_everything_is_said_at_once(model: ModelBoard) -> None:
    lines = refused(model, kernel=kernels.zimage(b"none"), vcpus=9, gic_version="v3", vifs=(Vif(names.BridgeName("br9")),))
    assert [line.partition(":")[0] for line in lines] == ["Xen support", "virtual CPUs", "interrupt controller", "network bridge"]


def test_what_the_board_says_of_itself_reaches_the_laptop(model: ModelBoard) -> None:
    said = facts.live(model.xen)
    assert (said.gic, said.cpu_part, said.bridges, said.xen_version, said.machine) == (2, "0xd08", ("xenbr0",), "4.17.5", "armv7l")
