"""Decides whether a kernel can run on a board: every reason why not, each with what would help. Pure.

`xl create` looks at one magic word and takes many kernels that then crash or stay silent: refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgedeploy.core import ipv4, memory
from edgedeploy.core.board import (
    AARCH32_AT_EL1,
    CAPS,
    GUEST_RAM_BASE,
    HOST,
    SPOKEN,
    Arch,
    BoardFacts,
    Misfit,
    Profile,
    refined,
)
from edgedeploy.core.kernel import KernelInfo, Kind
from edgedeploy.core.release import UNIX, XEN, Domain

_NO_16K = ("Cortex-A53", "Cortex-A57", "Cortex-A72")
"""ID_AA64MMFR0_EL1.TGran16 = 0: A53 in its manual (DDI 0500), A57 and A72 0x1124 in QEMU's cpu64.c; the A76's is 1."""
_EXAMPLES = {
    "armv7l": (
        "a 32-bit ARM zImage built for Xen, e.g. Debian's linux-image-armmp with a ramdisk, "
        "or a MirageOS 3 (Mini-OS) .xen built on ARM"
    ),
    "aarch64": (
        "a 64-bit ARM Image built for Xen, e.g. Debian's linux-image-arm64 with a ramdisk, or Unikraft for xen-arm64"
    ),
}
_AGAIN = "Copy or build the file again"
_BY_KIND = {
    Kind.EMPTY: ("empty", _AGAIN),
    Kind.LFS_POINTER: ("lfs-pointer", "Fetch the content first: git lfs pull (or git annex get)"),
    Kind.HTML: ("web-page", "Download the kernel again"),
    Kind.PACKED: ("nested", "It is packed twice: unpack one layer"),
    Kind.INITRAMFS: ("initramfs", "Give it with --ramdisk, and a kernel as the target"),
    Kind.UIMAGE: ("uimage", "xl cannot load it; take the zImage it was made from"),
    Kind.FIT: ("fit", "xl cannot load it; take the zImage or Image it was made from"),
    Kind.DTB: ("dtb", "Xen makes a guest's device tree itself; give the kernel"),
    Kind.ZBOOT: ("zboot", "xl cannot load it; take arch/arm64/boot/Image of the same build (CONFIG_EFI_ZBOOT off)"),
    Kind.EFI: ("efi-program", "Only UEFI starts it; give the kernel that it would load"),
}


@dataclass(frozen=True, slots=True)
class DomainNeeds:
    """What the guest is given. `ramdisk_size`: bytes, unpacked. `bridges`: the networks it is plugged into.
    `address`: its own IPv4 address, "" where that is not known.

    `gic_version`: release.GIC_VERSIONS. `cmdline` None: nothing is known of it.
    """

    memory_mb: int
    vcpus: int = 1
    ramdisk_size: int = 0
    bridges: tuple[str, ...] = ()
    gic_version: str = "default"
    cmdline: str | None = None
    address: str = ""
    runtime: str = XEN

    @classmethod
    def of(cls, domain: Domain, ramdisk_size: int = 0, address: str = "") -> DomainNeeds:
        """What a release's domain is given."""
        bridges = tuple(vif.bridge for vif in domain.vifs)
        return cls(
            domain.memory_mb, domain.vcpus, ramdisk_size, bridges, domain.gic_version, domain.cmdline, address, domain.runtime
        )


def check(
    kernel: KernelInfo, domain: DomainNeeds, profile: Profile, live: BoardFacts | None = None
) -> tuple[Misfit, ...]:
    """Every reason why this kernel in this domain cannot run on the board; empty means that it fits.

    `live` facts, where known, are believed over the profile.
    """
    if lacking := offered(domain, profile, live):
        return (lacking,)
    if not profile.supported:
        hint = "`edgedeploy boards` lists the boards that can"
        return (Misfit("board-cannot", "board", "", f"it runs no Xen guests: {profile.reason}", hint),)
    facts = live or BoardFacts()
    profile = refined(profile, facts)
    misfits = [*_file(kernel, profile, facts)]
    if kernel.kind in (Kind.ZIMAGE32, Kind.IMAGE64):
        misfits += _guest_memory(kernel, domain)
    return (*misfits, *_host(domain, profile, facts))


def offered(domain: DomainNeeds, profile: Profile, live: BoardFacts | None) -> Misfit | None:
    """Why the board cannot start such a release at all; None where it can, or where what it offers is not known."""
    runtimes = (live.runtimes if live else None) or ((UNIX,) if profile.name == HOST else None)
    if runtimes is None or domain.runtime in runtimes:
        return None
    other, what = (UNIX, "program") if domain.runtime == XEN else (XEN, "kernel")
    hint = f'Push it to a board that offers {domain.runtime}; or release a {what}, with runtime = "{other}" in edgedeploy.toml'
    return Misfit("no-runtime", "runtime", domain.runtime, f"the board offers {' and '.join(runtimes)}", hint)


def warnings(
    kernel: KernelInfo, domain: DomainNeeds, profile: Profile, live: BoardFacts | None = None
) -> tuple[Misfit, ...]:
    """What does not stop a deployment but a person should know. Meaningful when `check` found nothing."""
    return tuple(_warnings(kernel, domain, profile, live or BoardFacts()))


def would_fit(profile: Profile) -> str:
    """What kind of kernel this board runs, with an example: the end of most hints."""
    return "; or ".join(_EXAMPLES[arch] for arch in profile.guests)


def _file(kernel: KernelInfo, profile: Profile, live: BoardFacts) -> Iterator[Misfit]:
    if kernel.arch and kernel.arch not in SPOKEN:
        yield _wrong_arch(kernel, profile)
    elif "codec-corrupt" in kernel.marks:
        yield Misfit("codec-corrupt", "packing", "a kernel image", kernel.what, _AGAIN)
    elif "codec-unsupported" in kernel.marks:
        hint = "Unpack it, or repack it as .xz, .bz2 or .gz"
        yield Misfit("codec-unsupported", "packing", "a kernel image", kernel.what, hint)
    elif kernel.kind in _BY_KIND:
        code, hint = _BY_KIND[kernel.kind]
        yield Misfit(code, "kernel", "a kernel image", kernel.what, hint)
    elif kernel.kind in (Kind.UNKNOWN, Kind.OTHER):
        yield Misfit("unknown", "kernel", "a kernel image", kernel.what, f"{profile.name} runs {would_fit(profile)}")
    elif kernel.arch not in SPOKEN:
        yield _wrong_arch(kernel, profile)
    else:
        if "big-endian" in kernel.marks:
            yield Misfit("endian", "byte order", "little-endian", "big-endian", "Build it little-endian, as Xen is")
        yield from _arch(kernel, profile, live)
        if "hypervisor" in kernel.marks:
            yield Misfit("hypervisor", "kernel", "a guest kernel", kernel.what, f"Give a guest: {would_fit(profile)}")
        elif kernel.kind is Kind.ELF:
            yield from _elf(kernel)
        elif kernel.kind is Kind.IMAGE64 or kernel.declared is not None:  # a byte-swapped header is not read further
            yield from _image(kernel, profile, live)


def _wrong_arch(kernel: KernelInfo, profile: Profile) -> Misfit:
    hint = f"Build it for ARM; what fits is {would_fit(profile)}"
    if kernel.target or kernel.system == "solo5":
        hint = f"MirageOS 4 has no Xen target for ARM; what fits is {would_fit(profile)}"
    return Misfit("wrong-arch", "architecture", profile.runs, kernel.arch or "an unknown machine", hint)


def _arch(kernel: KernelInfo, profile: Profile, live: BoardFacts) -> Iterator[Misfit]:
    arch: Arch = "aarch64" if kernel.arch == "aarch64" else "armv7l"
    code = "arm64-on-armv7" if arch == "aarch64" else "arm32-unsupported"
    hint = f"{profile.name} runs {would_fit(profile)}"
    if arch not in profile.guests:
        note = f"{hint} ({profile.note})" if profile.note else hint
        yield Misfit(code, "architecture", profile.runs, SPOKEN[arch], note)
    elif live.xen_caps is not None and CAPS[arch] not in live.xen_caps:
        said = " ".join(live.xen_caps) or "nothing"
        yield Misfit(code, "architecture", f"{CAPS[arch]} in the board's xen_caps", f"xen_caps says {said}", hint)
    elif arch == "armv7l" and live.machine == "aarch64" and live.cpu_part and live.cpu_part not in AARCH32_AT_EL1:
        # xen_caps is printed from EL0's ability, the domain needs EL1's (arm64/domctl.c: set_address_size)
        found = f"the board's core {live.cpu_part}, which runs 32-bit programs but no 32-bit kernels"
        yield Misfit(code, "architecture", "a core with AArch32 at EL1", found, f"Use {_EXAMPLES['aarch64']}")


def _elf(kernel: KernelInfo) -> Iterator[Misfit]:
    wanted = "a zImage or Image (xl loads no ARM ELF)"
    if kernel.target:
        hint = "Solo5 builds hvt and spt for ARM, Xen only for x86-64; use a Mini-OS or Unikraft build, or Linux"
        yield Misfit("solo5-target", "format", wanted, f"a Solo5 unikernel for {kernel.target}", hint)
    elif kernel.marks & {"userland", "relocatable"}:
        yield Misfit("elf-userland", "format", wanted, kernel.what, "Give the kernel, not a program or object file")
    elif "objcopy" in kernel.marks:
        hint = "Flatten it: objcopy -O binary KERNEL.elf KERNEL.xen"
        yield Misfit("elf-needs-objcopy", "format", wanted, kernel.what, hint)
    else:
        yield Misfit("elf", "format", wanted, kernel.what, "Deploy arch/arm/boot/zImage (arm64: Image), not vmlinux")


def _guest_base(profile: Profile, live: BoardFacts) -> int:
    """Where guest RAM begins, by the Xen that runs; 4.5 moved it (public/arch-arm.h: GUEST_RAM0_BASE, was GUEST_RAM_BASE)."""
    found = re.match(r"(\d{1,3})\.(\d{1,3})", live.xen_version or "")
    if found is None:
        return profile.memory.guest_base
    return GUEST_RAM_BASE if (int(found[1]), int(found[2])) >= (4, 5) else 0x80000000


def _image(kernel: KernelInfo, profile: Profile, live: BoardFacts) -> Iterator[Misfit]:
    declared, base = kernel.declared or 0, _guest_base(profile, live)
    is32 = kernel.kind is Kind.ZIMAGE32
    cut = "cut" in kernel.marks or (is32 and declared > kernel.size)
    if is32 and declared <= 0:
        yield Misfit("header", "header", "an end after the start", f"a length of {declared} bytes", _AGAIN)
    if cut:
        size = f"{declared} bytes" if is32 else "all that its header lists"
        yield Misfit("truncated", "size", size, f"only {kernel.size} bytes", _AGAIN)
    if is32 and kernel.start not in (0, base + 0x8000):
        hint = "Link it position-independent (Linux: CONFIG_AUTO_ZRELADDR without CONFIG_ZBOOT_ROM)"
        yield Misfit("start-addr", "start address", f"0 or {base + 0x8000:#x}", f"{kernel.start or 0:#x}", hint)
    if "appended-dtb" in kernel.marks:
        hint = "Deploy the kernel without it: Xen makes a guest's tree, and a board's would hide Xen's devices"
        yield Misfit("appended-dtb", "device tree", "none", "a device tree appended to the kernel", hint)
    if "big-endian" in kernel.marks:
        return  # its code is read the other way round
    if "payload" in kernel.marks and not cut:
        yield Misfit("payload", "content", "a kernel that unpacks", "a damaged payload inside the zImage", _AGAIN)
    if kernel.level in ("armv4", "armv5", "armv6"):
        hint = "Build it for ARMv7 (Debian: armmp, not marvell or rpi)"
        yield Misfit("cpu-level", "CPU level", "ARMv7", kernel.level.replace("arm", "ARM"), hint)
    if kernel.xen_guest is False:
        hint = f"Build it with CONFIG_XEN=y; what fits is {would_fit(profile)}"
        yield Misfit("no-xen", "Xen support", "a kernel that knows Xen", "no Xen hypercall in its code", hint)
    if kernel.page_kb == 16 and any(core in _NO_16K for core in profile.cpu.cores):
        hint = "Build it with CONFIG_ARM64_4K_PAGES=y"
        yield Misfit("page-size", "page size", "4 or 64 KB pages", "16 KB pages", hint)
    if kernel.text_offset % 4096:
        found = f"text_offset {kernel.text_offset:#x}"
        yield Misfit("text-offset", "header", "a text_offset of whole pages", found, _AGAIN)


def _guest_memory(kernel: KernelInfo, domain: DomainNeeds) -> Iterator[Misfit]:
    if memory.enough(kernel, domain.memory_mb, domain.ramdisk_size):
        return
    least = memory.least(kernel, domain.ramdisk_size)
    if least is None:
        found = "a kernel and ramdisk that need more"
        yield Misfit("too-big", "guest memory", "at most 3 GB", found, "Make them smaller")
    else:
        with_ramdisk = " with this ramdisk" if domain.ramdisk_size else ""
        hint = f"Set memory = {least} or more"
        yield Misfit("guest-memory", "guest memory", f"{least} MB{with_ramdisk}", f"{domain.memory_mb} MB", hint)


def _free_mb(profile: Profile, live: BoardFacts) -> tuple[int, str] | None:
    if live.free_memory_mb is not None:
        return live.free_memory_mb, f"{live.free_memory_mb} MB free"
    total = live.total_memory_mb or profile.memory.total_mb
    if not total:
        return None  # an assumed profile of a board that said nothing of its memory
    left = total - profile.memory.dom0_mb - memory.XEN_OWN_MB
    return left, f"{left} MB left of {total} MB after dom0 ({profile.memory.dom0_mb} MB) and Xen"


def _host(domain: DomainNeeds, profile: Profile, live: BoardFacts) -> Iterator[Misfit]:
    need = memory.host_need_mb(domain.memory_mb, max(domain.vcpus, 1))
    room = _free_mb(profile, live)
    if room and need > room[0]:
        free, said = room
        most = next((mb for mb in range(free, 0, -1) if memory.host_need_mb(mb, max(domain.vcpus, 1)) <= free), 0)
        lower = f"Set memory = {most} or less, or s" if most else "S"
        hint = f"{lower}top another guest, or give dom0 less (dom0_mem on Xen's command line)"
        yield Misfit("host-memory", "board memory", f"{need} MB", said, hint)
    limit = _most_vcpus(domain, profile, live)
    if not 1 <= domain.vcpus <= limit:
        hint = f"Set vcpus = {min(profile.cpu.count, limit)}"
        yield Misfit("vcpus", "virtual CPUs", f"1 to {limit}", str(domain.vcpus), hint)
    yield from _gic(domain, profile)
    if domain.ramdisk_size > memory.RAMDISK_LIMIT:
        found = f"{domain.ramdisk_size >> 20} MB"
        yield Misfit("ramdisk", "ramdisk", "at most 1024 MB", found, "Put the content on a disk, or make it smaller")
    for bridge in dict.fromkeys(domain.bridges):
        if live.bridges is not None and bridge not in live.bridges:
            there = ", ".join(live.bridges) or "none"
            hint = f"Name a bridge that is there, or make it: ip link add {bridge} type bridge"
            yield Misfit("bridge", "network bridge", bridge, f"the board has {there}", hint)
    yield from _address(domain, live)


def _address(domain: DomainNeeds, live: BoardFacts) -> Iterator[Misfit]:
    """A bridge that has no address says nothing of its network; then any address may be right."""
    hint = "Set address in [network] of edgedeploy.toml to a free one of the board's network"
    if live.holder:
        found = f"{domain.address} is {live.holder}'s" if " " in live.holder else f"{live.holder} answers at {domain.address}"
        yield Misfit("address-taken", "guest address", "one that nobody has", found, hint)
    networks = [row.partition(" ")[2] for row in live.networks or () if row.partition(" ")[0] in domain.bridges]
    where = ipv4.number(domain.address)
    if where is None or not networks or any(ipv4.within(where, network) for network in networks):
        return
    yield Misfit("address", "guest address", f"one in {' or '.join(networks)}", domain.address, hint)


def _most_vcpus(domain: DomainNeeds, profile: Profile, live: BoardFacts) -> int:
    """8 with a GICv2 and on a 32-bit Xen (vgic.c: vgic_max_vcpus; asm/config.h: MAX_VIRT_CPUS)."""
    shown = {"v2": 2, "v3": 3}.get(domain.gic_version, profile.gic)
    bits64 = live.machine == "aarch64" if live.machine else profile.cpu.level == "armv8"
    return profile.max_vcpus if shown == 3 and bits64 else min(profile.max_vcpus, 8)


def _gic(domain: DomainNeeds, profile: Profile) -> Iterator[Misfit]:
    hint = 'Leave gic_version out, or set it to "default": the guest then gets what the board has'
    if domain.gic_version == "v3" and profile.gic == 2:
        yield Misfit("gic-version", "interrupt controller", "a GICv3", "the board has a GICv2", hint)
    # GICC and GICV, which a GICv3 needs to look like a GICv2 (gic-v3.c: gicv3_init_v2), are parts of these cores alone
    # (Linux, arm,gic-v3.yaml, commit 4053b6b43fae)
    elif domain.gic_version == "v2" and profile.gic == 3 and set(profile.cpu.cores) - set(AARCH32_AT_EL1.values()):
        found = f"the board has a GICv3 that cannot act as one ({', '.join(profile.cpu.cores)})"
        yield Misfit("gic-version", "interrupt controller", "a GICv2", found, hint)


def _warnings(kernel: KernelInfo, domain: DomainNeeds, profile: Profile, live: BoardFacts) -> Iterator[Misfit]:
    if "trailing" in kernel.marks:
        end = kernel.declared if kernel.end is None else kernel.end
        found = f"{kernel.size - (end or 0)} bytes after the kernel's end"
        yield Misfit("trailing", "size", "", found, "Harmless if you know what they are")
    if kernel.kind in (Kind.ZIMAGE32, Kind.IMAGE64) and kernel.xen_guest is None:
        found = "could not read the kernel's code, so not seen whether it knows Xen"
        yield Misfit("xen-unseen", "Xen support", "", found, "A zImage packed with gzip, xz or lzma can be read")
    if kernel.system == "linux" and domain.memory_mb < memory.LINUX_TIGHT_MB:
        found = f"{domain.memory_mb} MB is tight for Linux"
        yield Misfit("memory-tight", "guest memory", "", found, f"{memory.LINUX_TIGHT_MB} MB is a comfortable least")
    if kernel.system == "linux" and domain.cmdline is not None and "console=hvc" not in domain.cmdline:
        found = "it names no console=hvc0: what the guest says will be seen nowhere"
        yield Misfit("no-console", "kernel command line", "", found, "Add console=hvc0")
    cpus = live.nr_cpus or profile.cpu.count
    if domain.vcpus > cpus:
        found = f"{domain.vcpus} virtual CPUs share {cpus} real ones"
        yield Misfit("vcpus-shared", "virtual CPUs", "", found, f"More than {cpus} makes the guest slower")
    smallest = min(profile.memory.versions_mb, default=profile.memory.total_mb)
    if live.free_memory_mb is None and live.total_memory_mb is None and smallest < profile.memory.total_mb:
        need = memory.host_need_mb(domain.memory_mb, max(domain.vcpus, 1))
        if need > smallest - profile.memory.dom0_mb - memory.XEN_OWN_MB:
            found = f"too much for the {smallest} MB version of the board"
            yield Misfit("small-version", "board memory", "", found, "`xl info` on the board says total_memory")
    if live.compatible and profile.compatible and not set(live.compatible) & set(profile.compatible):
        found = f"the board says it is {live.compatible[0]}, not a {profile.title}"
        yield Misfit("board-differs", "board", "", found, "`edgedeploy boards` lists the kinds")
