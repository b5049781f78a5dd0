"""A network of the bench's own: a namespace with a bridge, and a tap for the virtual board.

Not QEMU's user network: whoever asks a guest that is destroyed meanwhile leaves it a connection that it never closes, and
it spins on them. After some hundred requests without an answer that costs a core, and the figures are the network's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from bench.board import GATEWAY
from edgedeploy.core import errors

BRIDGE = "br0"
TAP = "edgedeploy0"
_INSIDE = "EDGEDEPLOY_BENCH_INSIDE"
_STEPS = f"""\
ip link set lo up
ip link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip addr add {GATEWAY}/24 brd + dev {BRIDGE}
ip tuntap add dev {TAP} mode tap
ip link set {TAP} master {BRIDGE} up
ip link set {BRIDGE} up
"""


def inside() -> bool:
    """Whether this process is the one that `enter` made."""
    return _INSIDE in os.environ


def enter(module: str, argv: Sequence[str]) -> NoReturn:
    """Be this program anew, in a network namespace that ends with it. Raises errors.UsageFault without root."""
    if os.geteuid() != 0:
        raise errors.UsageFault("a network of one's own needs root", hint=f"sudo python -m {module}")
    command = ["unshare", "--net", "--", sys.executable, "-m", module, *argv]
    os.execvpe(command[0], command, {**os.environ, _INSIDE: "1"})


def make() -> None:
    """The bridge and the tap. Raises errors.UsageFault."""
    for step in _STEPS.splitlines():
        done = subprocess.run(step.split(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise errors.UsageFault(f"`{step}` failed: {done.stderr.strip()}")
