"""The serial wire keeps the contract, over a real tty with Debian's own getty, login and shell at its far end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edgedeploy.remote import agentkit
from edgedeploy.wires.serial import recognise, shell, talk
from edgedeploy.wires.serial.wire import SerialWire
from tests import needs
from tests.contract.serial_board import PASSWORD, PRINTK, SYSRQ, Board
from tests.contract.wire_contract import WireContract

pytestmark = pytest.mark.contract

BAUD = 1_500_000
"""a pty has none: what it is told is only what the link paces itself to"""


@pytest.fixture(autouse=True, scope="module")
def _can():
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")


@pytest.fixture(autouse=True, scope="module")
def _hasty():
    """No U-Boot counts at the far end and no Xen has a small ring: the waits for those need no test seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognise, "LISTEN", 0.3)
        patch.setattr(recognise, "ANSWER", 0.7)
        patch.setattr(talk, "_PAUSE", 0.004)
        patch.setattr(shell, "_ECHO", 1.0)
        yield


def wired(board: Board, **options: object) -> SerialWire:
    return SerialWire(board.port, BAUD, agentkit.foothold(), **{"ask": lambda _: PASSWORD, **options})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with Board(tmp_path_factory.mktemp("board")) as board:
        yield board
        assert board.printk == PRINTK
        assert board.sysrq == SYSRQ
        assert board.heard(b"cubie login: ")


@pytest.fixture(scope="module")
def wires(site: Board) -> Iterator[list[SerialWire]]:
    """The one that is open: to connect takes seconds."""
    wires = [wired(site)]
    yield wires
    wires[0].close()


class TestSerialWire(WireContract):
    big = 500_000

    @pytest.fixture
    def wire(self, request: pytest.FixtureRequest, wires: list[SerialWire], site: Board) -> Iterator[SerialWire]:
        yield wires[0]
        if "closed_wire" in request.node.name:
            wires[0] = wired(site)
