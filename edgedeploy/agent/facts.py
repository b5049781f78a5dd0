"""What the board reports of itself: live facts for the fit check, and room on its disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgedeploy.agent.xen import Runtime
from edgedeploy.core import files
from edgedeploy.core.board import BoardFacts
from edgedeploy.core.release import XEN

_NET = Path("/sys/class/net")
_OPENVSWITCH = Path("/run/openvswitch")
_ROUTES = Path("/proc/net/route")
_TREE = Path("/proc/device-tree")
_GICS = {"arm,gic-v3": 3, "arm,gic-400": 2, "arm,cortex-a15-gic": 2, "arm,cortex-a7-gic": 2}
"""Interrupt controllers that Xen knows (asm-arm/gic.h: DT_MATCH_GIC_V2, DT_MATCH_GIC_V3)."""


def bridges(net: Path = _NET, openvswitch: Path = _OPENVSWITCH) -> tuple[str, ...]:
    """Names of the bridges that exist: the kernel's have a folder /sys/class/net/NAME/bridge, Open vSwitch's a socket."""
    kernels = {name for name in files.listed(net) if (net / name / "bridge").is_dir()}
    sockets = (name for name in files.listed(openvswitch) if name.endswith(".mgmt"))
    others = {name[:-5] for name in sockets if (net / name[:-5]).exists()}
    return tuple(sorted(kernels | others))


def networks(routes: Path = _ROUTES) -> tuple[str, ...]:
    """The networks that interfaces lead to without a router, as "xenbr0 10.0.2.0/24".

    The columns are the interface, destination, gateway, flags, three counts, and mask (net/ipv4/fib_trie.c:
    fib_route_seq_show); the numbers are in the processor's own byte order.
    """
    found = []
    for line in _read(routes).splitlines()[1:]:
        name, destination, gateway, _, _, _, _, mask, *_ = line.split()
        if int(mask, 16) and not int(gateway, 16):
            first = ".".join(map(str, int(destination, 16).to_bytes(4, sys.byteorder)))
            found.append(f"{name} {first}/{int(mask, 16).bit_count()}")
    return tuple(found)


def gic(tree: Path = _TREE) -> int | None:
    """The board's GIC version, None where it is not found.

    Xen shows dom0 the real one, as a node `interrupt-controller` where the board's tree has it, at the root or below
    /soc (xen/arch/arm/domain_build.c: make_gic_node).
    """
    level = [tree]
    for _ in range(3):
        below = [folder / name for folder in level for name in files.listed(folder)]
        for node in below:
            if node.name.startswith("interrupt-controller"):
                for word in _read(node / "compatible").split("\0"):
                    if word in _GICS:
                        return _GICS[word]
        level = [node for node in below if node.is_dir()]
    return None


def live(runtime: Runtime) -> BoardFacts:
    """Ask the hypervisor and the kernel. Raises CommandFailed when the hypervisor does not answer."""
    info = runtime.info()
    xen = XEN in runtime.names
    compatible = tuple(word for word in _read(_TREE / "compatible").split("\0") if word)
    return BoardFacts(
        machine=info.get("machine"),
        xen_version=f"{info.get('xen_major', '?')}.{info.get('xen_minor', '?')}{info.get('xen_extra', '')}" if xen else None,
        xen_caps=tuple(info.get("xen_caps", "").split()) or None,
        total_memory_mb=_whole(info.get("total_memory")),
        free_memory_mb=_whole(info.get("free_memory")),
        nr_cpus=_whole(info.get("nr_cpus")),
        bridges=bridges(),
        networks=networks(),
        gic=gic(),
        cpu_part=_cpu_part(_read(Path("/proc/cpuinfo"))),
        compatible=compatible or None,
        runtimes=runtime.names,
    )


def available_mb(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """What programs of this system can have (proc(5), MemAvailable); on a board of Xen that is dom0's alone."""
    for line in _read(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) >> 10
    return None


def _cpu_part(cpuinfo: str) -> str | None:
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "CPU part":
            return value.strip() or None
    return None


def free_disk(folder: Path) -> int:
    """Bytes that may still be written under `folder`."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
