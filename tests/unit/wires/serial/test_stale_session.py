"""The board's half whose laptop is gone: its beacon is known, it is sent away, and nobody else is."""

from __future__ import annotations

import random

from edgedeploy.core.link import Kind, Link
from edgedeploy.wires.serial import stale_session


class Cable:
    """A board's link at the far end; what is typed at it is kept. Time passes where nothing is said."""

    device, baud = "/dev/ttyUSB0", 115200

    def __init__(self, board: Link) -> None:
        self.board, self.typed, self.now = board, b"", 0.0

    def read(self, n: int, timeout: float) -> bytes:
        said, _ = self.board.poll(self.now)
        if not said:
            self.now += timeout
        return said[:n]

    def write(self, data: bytes, timeout: float = 10.0) -> None:
        self.typed += data
        self.board.receive(data, self.now)


def test_a_beacon_amid_log_lines_names_its_session():
    said, _ = Link(0xDEADBEEF, laptop=False).poll(0.0)
    assert stale_session.number(b"[    1.0] up\r\n" + said) == 0xDEADBEEF
    assert stale_session.number(said[:7] + b"(XEN) d1 is up\r\n" + said[7:]) == 0xDEADBEEF


def test_rubbish_names_none():
    dice = random.Random(5)
    for _ in range(300):
        assert stale_session.number(dice.randbytes(200) + b"\x1e" + dice.randbytes(30) + b"\x1e") is None
    said, _ = Link(7, laptop=False).poll(0.0)
    assert stale_session.number(said[:-2]) is None
    assert stale_session.number(b"") is None


def test_it_is_sent_away():
    board = Link(0x12345678, laptop=False)
    cable = Cable(board)
    stale_session.dismiss(cable, clock=lambda: cable.now)
    assert board.over
    assert [event.kind for event in board.events()] == [Kind.CLOSED]


def test_where_no_beacon_comes_nothing_is_typed():
    board = Link(1, laptop=False)
    board.over = True
    cable = Cable(board)
    stale_session.dismiss(cable, 0.25, clock=lambda: cable.now)
    assert cable.typed == b""
    assert 0.25 <= cable.now < 0.35, "and it waits no longer than told"
