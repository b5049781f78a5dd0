"""The relay between two ptys: real ttys, a clock of the test's own."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from bench.line import FULL, Faults
from bench.relay import DRIVER, TICK, Pty, Relay, Way

AT_ONCE = Faults(read=TICK)


@pytest.fixture
def relays() -> Iterator[list[Relay]]:
    made: list[Relay] = []
    yield made
    for one in made:
        one.close()


def relay(relays: list[Relay], up: Faults = AT_ONCE, down: Faults = AT_ONCE) -> Relay:
    relays.append(Relay(up, down, 3))
    return relays[-1]


def write(port: Pty, data: bytes) -> int:
    """What the port takes at once of `data`; the pty has handed it over when this returns."""
    os.set_blocking(port.slave, False)
    try:
        count = os.write(port.slave, data)
    except BlockingIOError:
        return 0
    assert select.select([port.master], [], [], 5.0)[0]
    return count


def take_in(way: Way, at: float) -> None:
    """Until the relay has all that was written: a pty hands it over in pieces, a moment later."""
    for _ in range(5):
        way.step(at, 0.0)
        select.select([way.source.master], [], [], 0.01)


def came(port: Pty, size: int) -> bytes:
    """`size` bytes of what a program reads there, and what more there is at once."""
    got = b""
    while select.select([port.slave], [], [], 5.0 if len(got) < size else 0.05)[0]:
        got += os.read(port.slave, 65536)
    return got


def test_a_late_step_carries_what_was_due_and_no_more(relays: list[Relay]) -> None:
    one = relay(relays)
    data = bytes(range(256)) * 12
    assert write(one.laptop, data) == len(data)
    take_in(one.up, 10.0)
    assert came(one.board, 0) == b""
    one.up.step(10.15, 0.15)
    half = came(one.board, 1720)
    assert len(half) == pytest.approx(0.15 * FULL, abs=TICK * FULL + 1)
    one.up.step(20.0, 9.85)
    assert half + came(one.board, len(data) - len(half)) == data


def test_time_without_bytes_is_not_saved_up(relays: list[Relay]) -> None:
    one = relay(relays)
    one.up.step(10.0, 0.0)
    write(one.laptop, bytes(1000))
    take_in(one.up, 60.0)
    one.up.step(60.01, 0.01)
    assert len(came(one.board, 90)) <= 0.01 * FULL + 1


def test_only_a_step_that_came_late_counts_as_lost_time(relays: list[Relay]) -> None:
    one = relay(relays)
    for at, late, lost in ((1.0, TICK, 0.0), (2.0, TICK, 0.0), (3.0, 0.5, 0.494)):
        write(one.laptop, b"x")
        one.up.step(at, late)
        one.up.step(at + 0.5, 0.5)
        assert one.up.lost == pytest.approx(lost, abs=1e-6)


def test_a_program_is_stopped_as_a_driver_stops_it(relays: list[Relay]) -> None:
    one = relay(relays)
    assert write(one.laptop, bytes(DRIVER)) == DRIVER
    take_in(one.up, 1.0)
    assert write(one.laptop, b"more") == 0
    one.up.step(1.0 + 1000 / FULL, 0.0)
    assert write(one.laptop, b"more") == 0
    one.up.step(1.0 + (DRIVER - 100) / FULL, 0.0)
    assert write(one.laptop, b"more") == 4


def test_xens_output_stops_nobody_and_drops(relays: list[Relay]) -> None:
    one = relay(relays, down=Faults(xen="out", read=TICK))
    for _ in range(10):
        assert write(one.board, bytes(DRIVER)) == DRIVER
        take_in(one.down, 1.0)
    got = b""
    for at in (60.0, 61.0, 62.0):  # a pty does not take all at once
        one.down.step(at, 0.0)
        got += came(one.laptop, 0)
    assert len(got) == 16384


def test_xen_on_the_way(relays: list[Relay]) -> None:
    one = relay(relays, Faults(xen="in", ring=128, read=0.005), Faults(xen="out", read=TICK))
    write(one.laptop, b"\xe1\x01b\x01\x01\x01R\x01\x01\x01c\x0fd")
    write(one.board, b"a\nb\x00\xff")
    for way in (one.up, one.down):
        take_in(way, 1.0)
        way.step(2.0, 0.0)
    assert came(one.board, 4) == b"a\x01bc"
    assert one.up.line.incidents == ["debug key 0x52 for Xen", "SysRq 0x64"]
    assert came(one.laptop, 6) == b"a\r\nb\x00\xff"


@pytest.mark.parametrize(("read", "kept"), [(0.005, 1.0), (0.02, 0.556)])
def test_a_ring_that_is_read_too_late_loses(relays: list[Relay], read: float, kept: float) -> None:
    one = relay(relays, Faults(ring=128, read=read))
    write(one.laptop, bytes(DRIVER))
    take_in(one.up, 1.0)
    one.up.step(9.0, 0.0)
    assert len(came(one.board, 0)) == pytest.approx(kept * DRIVER, abs=256)  # two readings


def test_it_carries_in_real_time(relays: list[Relay]) -> None:
    one = relay(relays)
    data = os.urandom(1152)
    write(one.board, data)
    started = one.clock()
    one.run(lambda now: now > started + 0.15)
    assert came(one.laptop, len(data)) == data
    assert one.down.first is not None
    assert one.up.first is None
