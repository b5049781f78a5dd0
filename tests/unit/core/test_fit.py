"""Which kernel fits which board, and the arithmetic of memory. Figures of real kernels are Debian 6.1.176's."""

from dataclasses import replace

import pytest

from edgedeploy.core import board, errors, fit, kernel, memory
from edgedeploy.core.board import BoardFacts, Console, Cpu, Memory, Misfit, Profile
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.kernel import KernelInfo, Kind, LinuxTags
from edgedeploy.core.names import BridgeName, CommandLine, DomainName
from edgedeploy.core.release import Domain, Vif
from edgedeploy.profiles import catalog
from tests import kernels

CUBIE = Profile(
    name="cubieboard2",
    title="Cubieboard2",
    supported=True,
    compatible=("cubietech,cubieboard2", "allwinner,sun7i-a20"),
    cpu=Cpu(("Cortex-A7",), "armv7", 2, True),
    memory=Memory(1024, (512, 1024), 256),
    console=Console("hvc0", "serial0", 115200),
    gic=2,
    guests=("armv7l",),
    max_vcpus=8,
    bridge="xenbr0",
    sources=(),
)
PINE = replace(CUBIE, name="pine64", guests=("aarch64", "armv7l"), cpu=Cpu(("Cortex-A53",), "armv8", 4, True))
PI5 = replace(PINE, name="rpi5", guests=("aarch64",), cpu=Cpu(("Cortex-A76",), "armv8", 4, True), note="only 64-bit")
ARMMP = KernelInfo(
    Kind.ZIMAGE32, 5448192, "armmp", "armv7l", "linux", declared=5448192, start=0, level="armv7", hypercalls=14,
    tags=LinuxTags(20582580, 386260, 0x208000),
)  # fmt: skip
CLOUD64 = KernelInfo(
    Kind.IMAGE64, 27236288, "cloud-arm64", "aarch64", "linux", declared=27918336, page_kb=4, hypercalls=14
)
NEEDS = DomainNeeds(256)


@pytest.mark.parametrize(
    ("runtime", "offers", "profile", "fits"),
    [
        ("xen", ("xen",), "cubieboard2", True), ("unix", ("xen",), "cubieboard2", False), ("unix", ("unix",), "unix-host", True),
        ("xen", ("unix",), "unix-host", False), ("xen", None, "unix-host", False), ("unix", None, "unix-host", True),
        ("unix", None, "cubieboard2", True), ("unix", ("xen", "unix"), "cubieboard2", True),
    ],
)  # fmt: skip
def test_a_board_offers_one_runtime_or_both(runtime: str, offers: tuple[str, ...] | None, profile: str, fits: bool) -> None:
    """What is not known (an agent that does not say) is not refused."""
    needs, live = DomainNeeds(96, runtime=runtime), BoardFacts(runtimes=offers)
    found = fit.offered(needs, catalog.load(profile), live)
    assert (found is None) is fits
    if found:
        assert (found.code, found.wanted) == ("no-runtime", runtime)


def codes(image, profile=CUBIE, live=None, needs=NEEDS):
    info = image if isinstance(image, KernelInfo) else kernel.probe(image)
    return [misfit.code for misfit in fit.check(info, needs, profile, live)]


@pytest.mark.parametrize("image", [kernels.zimage(), kernels.linux_zimage(), ARMMP, kernels.zimage(start=0x40008000)])
def test_what_fits_has_no_misfits(image):
    assert codes(image) == []
    assert codes(image, PINE) == []


def test_an_arm64_image_fits_an_arm64_board():
    assert codes(kernels.image64(), PINE) == codes(CLOUD64, PI5) == []


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (kernels.x86_mirage(), "wrong-arch"),
        (kernels.solo5(6, 62, pvh=True), "wrong-arch"),
        (kernels.NOT_KERNELS["bzimage"], "wrong-arch"),
        (kernels.image64(), "arm64-on-armv7"),
        (kernels.elf(machine=40, segments=((1, kernels.zimage()),), wide=False), "elf-needs-objcopy"),
        (kernels.elf(machine=40, wide=False), "elf"),
        (kernels.elf(machine=40, segments=((3, b"/lib/ld.so\0"),), wide=False), "elf-userland"),
        (kernels.zimage(declared=5000), "truncated"),
        (kernels.zimage(start=0x40008000, declared=-8), "header"),
        (kernels.zimage(start=0x60008000), "start-addr"),
        (kernels.zimage(tail=kernels.fdt()), "appended-dtb"),
        (kernels.zimage(marker=0x01020304), "endian"),
        (kernels.zimage(b"no hypercall at all "), "no-xen"),
        (kernels.zimage(b"\0" * 64 + b"(XEN) Xen version\0"), "hypervisor"),
        (kernels.linux_zimage(kernels.linux_payload(xen=False)), "no-xen"),
        (kernels.linux_zimage(kernels.linux_payload(level=5)), "cpu-level"),
        (kernels.linux_zimage(packed=b"\xfd7zXZ\0" + b"\1" * 999), "payload"),
        (kernels.NOT_KERNELS["empty"], "empty"),
        (kernels.NOT_KERNELS["lfs-pointer"], "lfs-pointer"),
        (kernels.NOT_KERNELS["html"], "web-page"),
        (kernels.NOT_KERNELS["packed"], "nested"),
        (kernels.NOT_KERNELS["initramfs"], "initramfs"),
        (kernels.NOT_KERNELS["uimage"], "uimage"),
        (kernels.NOT_KERNELS["fit"], "fit"),
        (kernels.NOT_KERNELS["dtb"], "dtb"),
        (kernels.NOT_KERNELS["unknown"], "unknown"),
        (kernels.NOT_KERNELS["other"], "unknown"),
        (kernels.zboot(), "zboot"),
        (kernels.pe(0xAA64), "efi-program"),
        (kernels.pe(0x8664), "wrong-arch"),
        (kernels.LZO, "codec-unsupported"),
        (kernels.vmlinux(40), "elf"),
    ],
)
def test_each_reason_has_its_code_and_a_hint(image, code):
    (misfit,) = fit.check(kernel.probe(image), NEEDS, CUBIE)
    assert misfit.code == code
    assert misfit.hint
    assert misfit.found in misfit.line()
    assert Misfit.from_plain(misfit.to_plain()) == misfit


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (kernels.solo5(1), "solo5-target"),
        (kernels.image64(text_offset=0x1234), "text-offset"),
        (kernels.image64(flags=0b100), "page-size"),
        (kernels.image64(flags=1), "endian"),
        (kernels.image64(b"\0" * 64), "no-xen"),
    ],
)
def test_reasons_on_an_arm64_board(image, code):
    assert code in codes(image, PINE)


def test_16_kb_pages_run_on_a_core_that_has_them():
    assert codes(kernels.image64(flags=0b100), PI5) == []


def test_all_misfits_are_found_at_once():
    image = kernels.zimage(b"none", start=4, declared=9000)
    assert codes(image, needs=DomainNeeds(2000, 9)) == [
        "truncated", "start-addr", "no-xen", "host-memory", "vcpus",
    ]  # fmt: skip


def test_guest_memory_begins_where_the_running_xen_says():
    linked_for_44 = kernels.zimage(start=0x80008000)
    assert codes(linked_for_44) == ["start-addr"]
    assert codes(linked_for_44, live=BoardFacts(xen_version="4.4.1")) == []
    assert codes(kernels.zimage(start=0x40008000), live=BoardFacts(xen_version="4.4.1")) == ["start-addr"]
    assert codes(linked_for_44, live=BoardFacts(xen_version="4.17.5")) == ["start-addr"]
    assert codes(linked_for_44, live=BoardFacts(xen_version="?.?")) == ["start-addr"]


def test_a_board_that_never_can_says_why():
    (misfit,) = fit.check(ARMMP, NEEDS, replace(CUBIE, supported=False, guests=(), reason="no GIC"))
    assert misfit.code == "board-cannot"
    assert "no GIC" in misfit.found


def test_a_64_bit_board_whose_core_runs_no_32_bit_kernel():
    assert codes(ARMMP, PI5) == ["arm32-unsupported"]
    lying = BoardFacts(machine="aarch64", xen_caps=("xen-3.0-aarch64", "xen-3.0-armv7l"), cpu_part="0xd0b")
    assert codes(ARMMP, PINE, lying) == ["arm32-unsupported"]
    assert codes(ARMMP, PINE, replace(lying, cpu_part="0xd03")) == []


def test_the_hypervisors_word_counts_more_than_the_profile():
    assert codes(ARMMP, PINE, BoardFacts(xen_caps=("xen-3.0-aarch64",))) == ["arm32-unsupported"]
    assert codes(CLOUD64, PINE, BoardFacts(xen_caps=("xen-3.0-armv7l",))) == ["arm64-on-armv7"]


def test_hints_say_what_would_fit():
    (misfit,) = fit.check(kernel.probe(kernels.x86_mirage()), NEEDS, CUBIE)
    assert "32-bit ARM zImage" in misfit.hint
    assert "linux-image-armmp" in misfit.hint
    (misfit,) = fit.check(kernel.probe(kernels.solo5(6, 62, pvh=True)), NEEDS, CUBIE)
    assert "MirageOS 4 has no Xen target for ARM" in misfit.hint


# what libxenguest 4.17 did with these sizes (facts: artefacts A2); sizes in bytes, memory in MB
@pytest.mark.parametrize(
    ("offset", "size", "ramdisk", "fails", "loads"),
    [
        (0x8000, 5448192, 0, 6, 7),
        (0x8000, 5448192, 20_000_000, 24, 26),
        (0, 27236288, 0, 26, 27),
        (0x8000, 100, 0, 2, 3),
    ],
)
def test_placement_agrees_with_the_real_loader(offset, size, ramdisk, fails, loads):
    assert memory.modules_at(offset, size, fails, ramdisk) is None
    assert memory.modules_at(offset, size, loads, ramdisk) is not None


def test_modules_go_to_128_mb_when_there_is_room():
    assert memory.modules_at(0x8000, 5448192, 256, 1 << 20) == 128 << 20
    assert memory.modules_at(0x8000, 5448192, 64, 0) == (64 << 20) - 8192


def test_loading_is_not_running():
    assert codes(ARMMP, needs=DomainNeeds(24)) == ["guest-memory"]
    assert memory.least(ARMMP, 0) == 32
    assert codes(ARMMP, needs=DomainNeeds(96, 1, 2 << 20)) == []
    (misfit,) = fit.check(ARMMP, DomainNeeds(64, 1, 40 << 20), CUBIE)
    least = memory.least(ARMMP, 40 << 20)
    assert misfit.hint == f"Set memory = {least} or more"
    assert codes(ARMMP, needs=DomainNeeds(least, 1, 40 << 20)) == []


def test_an_arm64_kernel_needs_its_bss_too():
    image = replace(CLOUD64, declared=60 << 20)
    assert memory.least(image, 0) == 61


def test_a_flat_unikernel_needs_a_margin_for_what_its_header_leaves_out():
    info = kernel.probe(kernels.zimage())
    assert memory.least(info, 0) == 3
    assert memory.least(replace(info, size=5 << 20), 0) == 8


def test_too_big_for_the_low_bank():
    assert codes(replace(CLOUD64, declared=4 << 30), PINE) == ["too-big"]


def test_host_memory_is_what_xl_asks_for():
    assert memory.host_need_mb(256, 1) == 262  # 256 + 2.5 paging + 2, in steps of 2
    assert codes(ARMMP, live=BoardFacts(free_memory_mb=261)) == ["host-memory"]
    assert codes(ARMMP, live=BoardFacts(free_memory_mb=262)) == []
    # a 1 GB A20 with dom0_mem=768M had 95 MB free
    (misfit,) = fit.check(ARMMP, NEEDS, CUBIE, BoardFacts(free_memory_mb=95))
    assert "Set memory = 90 or less" in misfit.hint
    assert codes(ARMMP, live=BoardFacts(free_memory_mb=95), needs=DomainNeeds(90)) == []
    (misfit,) = fit.check(ARMMP, NEEDS, CUBIE, BoardFacts(free_memory_mb=3))
    assert misfit.hint.startswith("Stop another guest")


def test_without_live_facts_the_profile_counts():
    assert codes(ARMMP, needs=DomainNeeds(720)) == ["host-memory"]
    assert codes(ARMMP, needs=DomainNeeds(700)) == []
    assert codes(ARMMP, live=BoardFacts(total_memory_mb=512)) == ["host-memory"]


def test_vcpus_ramdisks_and_bridges():
    assert codes(ARMMP, needs=DomainNeeds(256, 0)) == codes(ARMMP, needs=DomainNeeds(256, 9)) == ["vcpus"]
    assert "ramdisk" in codes(ARMMP, needs=DomainNeeds(256, 1, (1 << 30) + 1))
    plugged = DomainNeeds(256, bridges=("br7",))
    assert codes(ARMMP, needs=plugged) == []
    assert codes(ARMMP, live=BoardFacts(bridges=("xenbr0",)), needs=plugged) == ["bridge"]


def test_the_interrupt_controller_that_is_asked_for():
    v2, v3 = DomainNeeds(256, gic_version="v2"), DomainNeeds(256, gic_version="v3")
    rock = replace(
        PINE, name="rockpro64", gic=3, cpu=Cpu(("Cortex-A53", "Cortex-A72"), "armv8", 4, True), max_vcpus=128
    )
    new = replace(rock, cpu=Cpu(("Cortex-A76",), "armv8", 4, True), guests=("aarch64",))
    assert codes(ARMMP, needs=v2) == codes(ARMMP, rock, needs=v2) == codes(ARMMP, rock, needs=v3) == []
    (misfit,) = fit.check(ARMMP, v3, CUBIE)
    assert (misfit.code, misfit.found) == ("gic-version", "the board has a GICv2")
    assert "gic_version" in misfit.hint
    assert codes(CLOUD64, new, needs=v2) == ["gic-version"]
    assert codes(CLOUD64, new, needs=v3) == []
    # the live board's word counts
    assert codes(CLOUD64, PINE, BoardFacts(gic=3), v3) == []
    assert codes(CLOUD64, rock, BoardFacts(gic=2), v3) == ["gic-version"]
    assert codes(CLOUD64, rock, BoardFacts(cpu_part="0xd0b"), v2) == ["gic-version"]


def test_how_many_vcpus_hangs_on_the_interrupt_controller():
    rock = replace(PINE, gic=3, max_vcpus=128)

    def most(profile, version="default", **live):
        def fits(vcpus):
            return codes(CLOUD64, profile, BoardFacts(**live), DomainNeeds(256, vcpus, gic_version=version)) == []

        return max(filter(fits, (8, 9, 128, 129)))

    assert (most(rock), most(rock, "v3"), most(rock, "v2")) == (128, 128, 8)
    assert (most(PINE), most(rock, gic=2)) == (8, 8)
    # a 32-bit Xen has 8 whatever its interrupt controller
    arm32 = BoardFacts(machine="armv7l", gic=3)
    assert codes(ARMMP, replace(CUBIE, max_vcpus=128), arm32, DomainNeeds(256, 9)) == ["vcpus"]


def test_a_xen_of_long_ago_puts_guests_elsewhere():
    high, low = kernels.zimage(start=0x80008000), kernels.zimage(start=0x40008000)
    for version, fits, crashes in (("4.4.1", high, low), ("4.5", low, high), ("4.17.5", low, high), ("?.?", low, high)):
        assert codes(fits, live=BoardFacts(xen_version=version)) == []
        assert codes(crashes, live=BoardFacts(xen_version=version)) == ["start-addr"]
    assert (
        codes(low, replace(CUBIE, memory=Memory(1024, (1024,), 256, 0x80000000)), BoardFacts(xen_version="4.17")) == []
    )


def test_a_release_says_what_its_guest_needs():
    domain = Domain(
        DomainName("d"), 64, 2, (Vif(BridgeName("br0")), Vif(BridgeName("br0"))), CommandLine("console=hvc0"), "v3"
    )
    needs = DomainNeeds.of(domain, 7)
    assert needs == DomainNeeds(64, 2, 7, ("br0", "br0"), "v3", "console=hvc0")
    assert codes(ARMMP, live=BoardFacts(bridges=()), needs=replace(needs, gic_version="default")) == ["bridge"]


def warned(image, needs=NEEDS, profile=CUBIE, live=None):
    info = image if isinstance(image, KernelInfo) else kernel.probe(image)
    return [warning.code for warning in fit.warnings(info, needs, profile, live)]


def test_warnings():
    known = BoardFacts(free_memory_mb=900)
    assert warned(ARMMP, live=known) == []
    assert warned(ARMMP) == ["small-version"]
    assert warned(ARMMP, DomainNeeds(48), live=known) == ["memory-tight"]
    assert warned(ARMMP, DomainNeeds(256, cmdline="quiet"), live=known) == ["no-console"]
    assert warned(ARMMP, DomainNeeds(256, cmdline="console=hvc0 quiet"), live=known) == []
    assert warned(kernels.zimage(), DomainNeeds(256, cmdline=""), live=known) == []
    assert warned(ARMMP, DomainNeeds(256, 3), live=known) == ["vcpus-shared"]
    assert warned(kernels.zimage(tail=b"x" * 8), live=known) == ["trailing"]
    assert warned(replace(ARMMP, hypercalls=None), live=known) == ["xen-unseen"]
    assert warned(ARMMP, live=replace(known, compatible=("ti,am33xx",))) == ["board-differs"]
    assert warned(ARMMP, live=replace(known, compatible=("x", "allwinner,sun7i-a20"))) == []


def test_an_agent_that_nobody_told_its_kind_checks_by_what_it_sees():
    facts = BoardFacts(machine="armv7l", xen_caps=("xen-3.0-armv7l",), free_memory_mb=500, nr_cpus=2)
    assumed = board.assumed(facts)
    assert assumed.guests == ("armv7l",)
    assert codes(ARMMP, assumed, facts) == []
    assert codes(kernels.image64(), assumed, facts) == ["arm64-on-armv7"]
    assert board.assumed(BoardFacts(machine="armv7l")).guests == ("armv7l",)
    assert codes(ARMMP, board.assumed(BoardFacts()), BoardFacts()) == []


def test_nothing_is_lost_where_the_profile_is_assumed():
    """What only a profile says on the laptop, the board says of itself: core, interrupt controller, base, vCPUs."""

    def found(image, needs=NEEDS, **live):
        facts = BoardFacts(
            **{"machine": "aarch64", "xen_caps": ("xen-3.0-aarch64", "xen-3.0-armv7l"), "free_memory_mb": 900, **live}
        )
        return codes(image, board.assumed(facts), facts, needs)

    assert found(ARMMP, cpu_part="0xd0b") == ["arm32-unsupported"]
    assert found(ARMMP, cpu_part="0xd03") == []
    sixteen = kernels.image64(flags=0b100)
    assert found(sixteen, cpu_part="0xd03") == ["page-size"]
    assert found(sixteen, cpu_part="0xd0b") == []
    assert found(CLOUD64, DomainNeeds(256, gic_version="v3"), gic=2) == ["gic-version"]
    assert found(CLOUD64, DomainNeeds(256, gic_version="v2"), gic=3, cpu_part="0xd0b") == ["gic-version"]
    assert found(CLOUD64, DomainNeeds(256, 9), gic=3) == []
    assert found(CLOUD64, DomainNeeds(256, 9), gic=2) == found(CLOUD64, DomainNeeds(256, 9)) == ["vcpus"]
    assert found(kernels.zimage(start=0x40008000), xen_version="4.4.0", cpu_part="0xd03") == ["start-addr"]
    assert found(CLOUD64, free_memory_mb=99) == ["host-memory"]


def test_facts_cross_the_wire():
    facts = BoardFacts(machine="armv7l", xen_caps=("xen-3.0-armv7l",), free_memory_mb=500, bridges=())
    assert BoardFacts.from_plain(facts.to_plain()) == facts
    assert BoardFacts.from_plain({**facts.to_plain(), "from a newer agent": 1}) == facts
    for wrong in ({"free_memory_mb": "500"}, {"bridges": "xenbr0"}, {"bridges": [1]}, {"machine": 7}, []):
        with pytest.raises(errors.ProtocolMismatch):
            BoardFacts.from_plain(wrong)


def test_an_address_lies_in_a_network_of_its_bridge() -> None:
    live = BoardFacts(networks=("xenbr0 10.0.2.0/24", "xenbr0 192.168.7.128/26", "eth1 172.16.0.0/12"))
    needs = DomainNeeds(256, bridges=("xenbr0",))

    def said(address: str, live: BoardFacts = live) -> list[str]:
        return codes(ARMMP, live=live, needs=replace(needs, address=address))

    assert said("10.0.2.20") == said("192.168.7.190") == said("") == said("board.local") == []
    assert said("10.0.3.20") == said("192.168.7.192") == said("172.16.0.1") == ["address"]
    assert said("10.0.3.20", BoardFacts(networks=("eth1 172.16.0.0/12",))) == [], (
        "a bridge without an address tells nothing"
    )
    assert said("10.0.3.20", BoardFacts()) == []
    assert said("10.0.3.20", BoardFacts(networks=("xenbr0 nonsense", "xenbr0 10.0.2.0/99"))) == ["address"]


def test_an_address_that_somebody_has_is_refused() -> None:
    needs = DomainNeeds(256, bridges=("xenbr0",), address="10.0.2.20")
    (taken,) = fit.check(ARMMP, needs, CUBIE, BoardFacts(holder="52:54:00:12:34:56"))
    assert taken.found == "52:54:00:12:34:56 answers at 10.0.2.20"
    (own,) = fit.check(ARMMP, needs, CUBIE, BoardFacts(holder="this board"))
    assert own.found == "10.0.2.20 is this board's"
    assert codes(ARMMP, live=BoardFacts(holder=""), needs=needs) == []
