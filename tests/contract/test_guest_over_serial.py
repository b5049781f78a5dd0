"""The guest's console over the serial cable: the same conversation, on a real tty with a log-in at its far end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient
from edgedeploy.wires.serial.wire import SerialWire
from tests import needs
from tests.attached import until
from tests.contract.guest_board import DECKS, Guest, GuestBoard, echo
from tests.contract.hurry import hurry
from tests.contract.serial_board import PASSWORD, PRINTK, Board

pytestmark = pytest.mark.contract

BAUD = 1_500_000
"""a pty has none: what it is told is only what the link paces itself to"""


def test_a_person_at_the_guest_over_the_cable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")
    hurry(monkeypatch.setattr)
    (tmp_path / "serial").mkdir()
    guests = GuestBoard(tmp_path)
    guest = Guest(guests.bin, 7, 1)
    with Board(tmp_path / "serial", noise=1000) as board:
        wire = SerialWire(board.port, BAUD, agentkit.foothold(), ask=lambda _: PASSWORD)
        with wire, AgentClient(wire, guests.command) as client:
            with client.attach(DECKS, "ada@laptop") as line:
                everything = bytes(range(256))
                guest.says(everything + b"login: ")
                assert until(line, b"login: ") == everything + b"login: "
                for n in range(3):
                    echo(line, guest, b"key %d;" % n)
                flood = b"".join(b"%06d\r\n" % n for n in range(3000))
                speaker = threading.Thread(target=guest.says, args=(flood,))
                speaker.start()
                assert until(line, b"002999\r\n") == flood
                speaker.join()
            assert board.cable.cut > 10
            assert client.log(DECKS, 3) == [], "the conversation goes on"
        assert board.printk == PRINTK
    guest.ends()
