"""What the board says of its networks."""

from __future__ import annotations

import struct
from pathlib import Path

from edgedeploy.agent import facts

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"


def row(name: str, destination: str, gateway: str, mask: str) -> str:
    """As the kernel prints it: each address as one number of the processor's own byte order."""
    first, router, bits = (
        f"{struct.unpack('=I', bytes(map(int, text.split('.'))))[0]:08X}" for text in (destination, gateway, mask)
    )
    return f"{name}\t{first}\t{router}\t0001\t0\t0\t0\t{bits}\t0\t0\t0   "


def test_networks_are_those_that_no_router_stands_before(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    rows = [
        row("xenbr0", "0.0.0.0", "10.0.2.2", "0.0.0.0"),
        row("xenbr0", "10.0.2.0", "0.0.0.0", "255.255.255.0"),
        row("eth1", "192.168.7.128", "0.0.0.0", "255.255.255.192"),
        row("eth1", "172.16.0.0", "192.168.7.129", "255.240.0.0"),
    ]
    routes.write_text("\n".join([HEAD, *rows]) + "\n")
    assert facts.networks(routes) == ("xenbr0 10.0.2.0/24", "eth1 192.168.7.128/26")


def test_a_board_without_any_has_none(tmp_path: Path) -> None:
    assert facts.networks(tmp_path / "missing") == ()


def test_bridges_are_the_kernels_and_those_of_open_vswitch(tmp_path: Path) -> None:
    for folder in ("net/xenbr0/bridge", "net/eth0", "net/ovsbr0", "net/ovs-system", "run"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("ovsbr0.mgmt", "ovsbr0.snoop", "gone.mgmt", "db.sock"):
        (tmp_path / "run" / name).touch()
    assert facts.bridges(tmp_path / "net", tmp_path / "run") == ("ovsbr0", "xenbr0")
    assert facts.bridges(tmp_path / "net", tmp_path / "none") == ("xenbr0",)
