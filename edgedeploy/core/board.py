"""What is known of a board: its kind (Profile), what it says of itself (BoardFacts), and why not (Misfit).

Here and not in profiles/, because the agent on the board and the laptop's `artefact` floor speak of them too.
Memory is in MB as `xl` counts it (1 MB = 2**20 bytes); addresses are guest physical.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from edgedeploy.core import errors
from edgedeploy.core.strict import Reader

Arch = Literal["armv7l", "aarch64"]
Level = Literal["armv6", "armv7", "armv8"]
CAPS = {"armv7l": "xen-3.0-armv7l", "aarch64": "xen-3.0-aarch64"}
"""The word of xen_caps that a guest architecture needs (tools/libs/guest/xg_dom_arm.c: guest_type)."""
SPOKEN = {"armv7l": "32-bit ARM (ARMv7)", "aarch64": "64-bit ARM (ARMv8)"}
GUEST_RAM_BASE = 0x40000000
"""Xen >= 4.5 (public/arch-arm.h: GUEST_RAM0_BASE)."""
_XEN_44_BASE = 0x80000000
HOST = "unix-host"
"""The profile of a machine that runs releases as processes: what it is, it says itself."""
AARCH32_AT_EL1 = {"0xd03": "Cortex-A53", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72", "0xd09": "Cortex-A73"}
"""ARMv8 cores that run 32-bit kernels: ID_AA64PFR0_EL1.EL1 = 2 (A53, A57: Xen boot logs; these and A72: QEMU's
target/arm/cpu64.c, which has the cores' own values, 0x2222; A73: from memory, no board here has one)."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor. `count` is the CPUs that Xen brings up: on big.LITTLE only those like the boot CPU."""

    cores: tuple[str, ...]
    level: Level
    count: int
    virtualization: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """RAM in MB: the usual version of the board, every version sold, and dom0's share (Xen's dom0_mem)."""

    total_mb: int
    versions_mb: tuple[int, ...]
    dom0_mb: int
    guest_base: int = GUEST_RAM_BASE


@dataclass(frozen=True, slots=True)
class Console:
    """The serial console: dom0's tty, what Xen's dtuart= is told, and the speed in bits per second (8n1)."""

    dom0: str
    xen: str
    baud: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of board. `supported` false means that no guest will ever run there, and `reason` says why."""

    name: str
    title: str
    supported: bool
    compatible: tuple[str, ...]
    cpu: Cpu
    memory: Memory
    console: Console
    gic: int
    guests: tuple[Arch, ...]
    max_vcpus: int
    bridge: str
    sources: tuple[str, ...]
    reason: str = ""
    note: str = ""
    passthrough: tuple[str, ...] = ()
    """options of an original xl.conf.in (`irqs`) that ask for hardware a guest can do without here"""

    @property
    def runs(self) -> str:
        """The guests it runs, in words."""
        return " and ".join(SPOKEN[arch] for arch in self.guests) or "no Xen guests"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFacts:
    """What a live board reports; None is "not known". Words are those of `xl info` where it has one.

    `cpu_part` is /proc/cpuinfo's "0xd03"; `compatible` is /proc/device-tree/compatible; `gic` is 2 or 3.
    """

    machine: str | None = None
    xen_version: str | None = None
    xen_caps: tuple[str, ...] | None = None
    total_memory_mb: int | None = None
    free_memory_mb: int | None = None
    nr_cpus: int | None = None
    bridges: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    """the IPv4 networks that a bridge leads to, each as `xenbr0 10.0.2.0/24`"""
    holder: str | None = None
    """who answers at the guest's address before the guest is there: a hardware address, or "this board"; "" is nobody"""
    gic: int | None = None
    cpu_part: str | None = None
    compatible: tuple[str, ...] | None = None
    runtimes: tuple[str, ...] | None = None
    """of core.release.RUNTIMES: those by which the board can start a release"""

    def to_plain(self) -> dict[str, object]:
        """JSON-ready, without what is not known."""
        return {key: _plain(value) for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_plain(cls, data: object) -> BoardFacts:
        """Read what `to_plain` made, less a newer agent's keys. Raises ProtocolMismatch on wrong types."""
        reader = Reader(data, "board facts", errors.ProtocolMismatch)
        found: dict[str, object] = {}
        for item in fields(cls):
            if not reader.has(item.name):
                continue
            kind = str(item.type)  # annotations are text in this module
            if kind.startswith("tuple"):
                found[item.name] = _words(reader, item.name)
            elif kind.startswith("int"):
                found[item.name] = reader.whole(item.name)
            else:
                found[item.name] = reader.text(item.name)
        return cls(**found)  # type: ignore[arg-type]  # each was read by its declared type


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason why an artefact cannot run on a board, or (fit.warnings) may not do what is expected."""

    code: str
    field: str
    wanted: str
    found: str
    hint: str

    def line(self) -> str:
        """One line for a person, ending in what to do."""
        said = f"{self.field}: {self.found}" + (f"; needs {self.wanted}" if self.wanted else "")
        return f"{said}. {self.hint}" if self.hint else said

    def to_plain(self) -> dict[str, str]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: object) -> Misfit:
        """Read what `to_plain` made; raises ProtocolMismatch on anything else."""
        reader = Reader(data, "misfit", errors.ProtocolMismatch)
        return cls(*(reader.text(item.name) for item in fields(cls)))


def assumed(facts: BoardFacts) -> Profile:
    """A stand-in from live facts alone: for an agent that nobody told its kind of board."""
    guests: tuple[Arch, ...] = ("armv7l", "aarch64")
    if facts.xen_caps is not None:
        guests = tuple(arch for arch in guests if CAPS[arch] in facts.xen_caps)
    elif facts.machine and facts.machine != "aarch64":
        guests = ("armv7l",)
    total = facts.total_memory_mb or 0
    level: Level = "armv8" if "aarch64" in guests else "armv7"
    return Profile(
        name="this-board",
        title="board",
        supported=True,
        compatible=(),
        cpu=Cpu((), level, facts.nr_cpus or 1, True),
        memory=Memory(total, (total,), 0),
        console=Console("hvc0", "", 115200),
        gic=facts.gic or 0,
        guests=guests,
        max_vcpus=128 if facts.machine == "aarch64" else 8,  # MAX_VIRT_CPUS of either Xen; core/fit.py knows the GIC's
        bridge="xenbr0",
        sources=(),
    )


def host() -> Profile:
    """The profile HOST."""
    return replace(assumed(BoardFacts()), name=HOST, title="machine that runs programs", guests=(), bridge="")


def refined(profile: Profile, live: BoardFacts) -> Profile:
    """The profile, with the live board's word for its interrupt controller, its core and where guest RAM begins."""
    gic, cpu, memory = live.gic or profile.gic, profile.cpu, profile.memory
    if live.cpu_part:
        cpu = replace(cpu, cores=(AARCH32_AT_EL1.get(live.cpu_part, live.cpu_part),))
    if version := re.match(r"(\d+)\.(\d+)", live.xen_version or ""):
        old = (int(version[1]), int(version[2])) < (4, 5)
        memory = replace(memory, guest_base=_XEN_44_BASE if old else GUEST_RAM_BASE)
    return replace(profile, gic=gic, cpu=cpu, memory=memory)


def to_plain(profile: Profile) -> dict[str, object]:
    """A profile, JSON-ready."""
    return {key: _plain(value) for key, value in asdict(profile).items()}


def _words(reader: Reader, key: str) -> tuple[str, ...]:
    return tuple(Reader({key: row}, reader.where, reader.fault).text(key) for row in reader.rows(key))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
