"""The QEMU command line of the virtual board. Pure: what is started, not how."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BOARD_ADDRESS = "10.0.2.15"
GUEST_ADDRESSES = ("10.0.2.20", "10.0.2.21", "10.0.2.22", "10.0.2.23")
SSH = f"{BOARD_ADDRESS}:22"
WEB = tuple(f"{address}:80" for address in GUEST_ADDRESSES)

# bootscrub=0: scrubbing memory makes the emulator touch all of it.
# Pinning is essential: a virtual CPU that moves loses its network interrupt for good under QEMU's GICv2.
_XEN = "console=dtuart dtuart=/pl011@9000000 dom0_mem={}M bootscrub=0 dom0_max_vcpus={} dom0_vcpus_pin"
# norandmaps: QEMU translates code by the address it runs at; at new addresses in each process it would begin anew each time.
_LINUX = "console=hvc0 quiet loglevel=3 cryptomgr.notests norandmaps"
# Megabytes of translated code: when they are full QEMU forgets all of it. A boot and two pushes make 400.
_TRANSLATED = 512


@dataclass(frozen=True, slots=True)
class User:
    """QEMU's own network: no root, no multicast; ports of the board are forwarded from 127.0.0.1."""

    forwards: Mapping[str, int] = field(default_factory=dict)
    """"10.0.2.15:22" (an address of the board's network) -> port on 127.0.0.1"""


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap device that exists already in the network namespace we run in."""

    ifname: str
    mac: str = "02:16:3e:00:00:01"


Network = User | Tap


@dataclass(frozen=True, slots=True)
class Hardware:
    """What may differ between virtual boards."""

    memory: int = 1024
    """megabytes; a Cubieboard2 has 1024"""
    dom0_memory: int = 256
    cpus: int = 2
    """cores; a Cubieboard2 has 2. One costs this computer less: two wait for each other where it has none to spare"""
    durable: bool = False
    """the disk keeps its promises when the power is cut (slower)"""


@dataclass(frozen=True, slots=True)
class Boot:
    """The files a board starts from."""

    xen: Path
    kernel: Path
    initrd: Path


def argv(boot: Boot, network: Network, hardware: Hardware, memory: Path | None = None) -> list[str]:
    """The command, to be run in the board's folder: its disk and sockets are named relative to it.

    With `memory`, a file that `qmp.stopped` wrote, it goes on from there; the machine must be the same one.
    """
    cache = "writeback" if hardware.durable else "unsafe"
    return [
        *("qemu-system-arm", "-M", "virt,virtualization=on,gic-version=2,highmem=off", "-cpu", "cortex-a7"),
        *("-smp", str(hardware.cpus), "-m", str(hardware.memory), "-accel", f"tcg,thread=multi,tb-size={_TRANSLATED}"),
        *("-nodefaults", "-display", "none", "-rtc", "base=utc"),
        *("-kernel", _path(boot.xen), "-append", _XEN.format(hardware.dom0_memory, hardware.cpus)),
        *("-device", f"guest-loader,addr=0x49000000,kernel={_path(boot.kernel)},bootargs={_LINUX}"),
        *("-device", f"guest-loader,addr=0x50000000,initrd={_path(boot.initrd)}"),
        *("-drive", f"if=none,id=disk,file=disk.raw,format=raw,cache={cache}"),
        *("-device", "virtio-blk-device,drive=disk"),
        *("-chardev", "socket,id=serial,path=serial.sock,server=on,wait=off,logfile=serial.log"),
        *("-serial", "chardev:serial", "-qmp", "unix:qmp.sock,server=on,wait=off"),
        *_network(network),
        *(("-incoming", f"exec:cat {shlex.quote(str(memory))}") if memory else ()),
    ]


def _network(network: Network) -> list[str]:
    match network:
        case User(forwards):
            rules = [f"hostfwd=tcp:127.0.0.1:{port}-{guest}" for guest, port in forwards.items()]
            # leases well away from the board and its guests
            netdev, mac = ",".join(["user,id=net,net=10.0.2.0/24,dhcpstart=10.0.2.100", *rules]), "02:16:3e:00:00:01"
        case Tap(ifname, mac):
            netdev = f"tap,id=net,ifname={ifname},script=no,downscript=no"
    return ["-netdev", netdev, "-device", f"virtio-net-device,netdev=net,mac={mac}"]


def _path(path: Path) -> str:
    """A file name inside an option: QEMU wants its commas doubled."""
    return str(path).replace(",", ",,")
