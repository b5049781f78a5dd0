"""The relay between two ptys: real ttys, a clock of the test's own."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator

import pytest

from bench.line import FULL, Faults
from bench.relay import DRIVER, TICK, Pty, Relay, Way
from tests.guard import USUAL_S, Guard, until

AT_ONCE = Faults(read=TICK)
MARK = b"<that is all there is>"


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
    assert select.select([port.master], [], [], USUAL_S)[0]
    return count


def take_in(way: Way, at: float, size: int) -> None:
    """Until the relay has the `size` bytes that were written: a pty hands them over in pieces, a moment later."""
    taken, write = [0], way.line.write

    def counted(data: bytes, now: float) -> None:
        taken.append(len(data))
        write(data, now)

    way.line.write = counted  # type: ignore[method-assign]
    until(lambda: way.step(at, 0.0) or sum(taken) == size, "the relay has taken what was written", pause=0.002)
    way.line.write = write  # type: ignore[method-assign]


def came(port: Pty) -> bytes:
    """What a program reads there of all that the relay has written: up to a mark that is written behind it."""
    got, mark, limit = b"", MARK, Guard("the mark comes")
    while not got.endswith(MARK):
        with contextlib.suppress(BlockingIOError):  # the pty is full
            mark = mark[os.write(port.master, mark) :] if mark else mark
        if select.select([port.slave], [], [], min(limit.left, 0.02))[0]:
            got += os.read(port.slave, 65536)
    return got.removesuffix(MARK)


def test_a_late_step_carries_what_was_due_and_no_more(relays: list[Relay]) -> None:
    one = relay(relays)
    data = bytes(range(256)) * 12
    assert write(one.laptop, data) == len(data)
    take_in(one.up, 10.0, len(data))
    assert came(one.board) == b""
    one.up.step(10.15, 0.15)
    half = came(one.board)
    assert len(half) == pytest.approx(0.15 * FULL, abs=TICK * FULL + 1)
    one.up.step(20.0, 9.85)
    assert half + came(one.board) == data


def test_time_without_bytes_is_not_saved_up(relays: list[Relay]) -> None:
    one = relay(relays)
    one.up.step(10.0, 0.0)
    write(one.laptop, bytes(1000))
    take_in(one.up, 60.0, 1000)
    one.up.step(60.01, 0.01)
    assert len(came(one.board)) <= 0.01 * FULL + 1


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
    take_in(one.up, 1.0, DRIVER)
    assert write(one.laptop, b"more") == 0
    one.up.step(1.0 + 1000 / FULL, 0.0)
    assert write(one.laptop, b"more") == 0
    one.up.step(1.0 + (DRIVER - 100) / FULL, 0.0)
    assert write(one.laptop, b"more") == 4


def test_xens_output_stops_nobody_and_drops(relays: list[Relay]) -> None:
    one = relay(relays, down=Faults(xen="out", read=TICK))
    for _ in range(10):
        assert write(one.board, bytes(DRIVER)) == DRIVER
        take_in(one.down, 1.0, DRIVER)
    got = b""
    for at in (60.0, 61.0, 62.0):  # a pty does not take all at once
        one.down.step(at, 0.0)
        got += came(one.laptop)
    assert len(got) == 16384


def test_xen_on_the_way(relays: list[Relay]) -> None:
    one = relay(relays, Faults(xen="in", ring=128, read=0.005), Faults(xen="out", read=TICK))
    up = write(one.laptop, b"\xe1\x01b\x01\x01\x01R\x01\x01\x01c\x0fd")
    down = write(one.board, b"a\nb\x00\xff")
    for way, size in ((one.up, up), (one.down, down)):
        take_in(way, 1.0, size)
        way.step(2.0, 0.0)
    assert came(one.board) == b"a\x01bc"
    assert one.up.line.incidents == ["debug key 0x52 for Xen", "SysRq 0x64"]
    assert came(one.laptop) == b"a\r\nb\x00\xff"


@pytest.mark.parametrize(("read", "kept"), [(0.005, 1.0), (0.02, 0.556)])
def test_a_ring_that_is_read_too_late_loses(relays: list[Relay], read: float, kept: float) -> None:
    one = relay(relays, Faults(ring=128, read=read))
    write(one.laptop, bytes(DRIVER))
    take_in(one.up, 1.0, DRIVER)
    one.up.step(9.0, 0.0)
    assert len(came(one.board)) == pytest.approx(kept * DRIVER, abs=256)  # two readings


def test_it_carries_in_real_time(relays: list[Relay]) -> None:
    one = relay(relays)
    data = os.urandom(1152)
    started, got, limit = one.clock(), bytearray(), Guard("all is carried")
    write(one.board, data)

    def carried(_now: float) -> bool:
        if select.select([one.laptop.slave], [], [], 0)[0]:
            got.extend(os.read(one.laptop.slave, 65536))
        return len(got) >= len(data) or limit.left < 0

    one.run(carried)
    assert got == data
    assert one.clock() - started > 0.099, "no sooner than the line can"
    assert one.down.first is not None
    assert one.up.first is None
