"""The link over simulated serial lines: many short transfers, a thousand where there is time, and a board that reboots."""

from __future__ import annotations

import random

import pytest

from bench.conditions import CONDITIONS, Condition, carry
from bench.line import Faults, Line
from bench.session import Session
from bench.transfers import transfer
from edgedeploy.core.link import FRESH, Kind, Link
from tests.needs import examples

TRANSFERS, PARTS = examples(1000), 8


@pytest.mark.parametrize("part", range(PARTS))
def test_many_short_transfers_arrive_byte_for_byte(part: int) -> None:
    for seed in range(part * TRANSFERS // PARTS, (part + 1) * TRANSFERS // PARTS):
        assert not transfer(seed).complaint


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda one: one.name)
def test_the_rate_reaches_its_goal(condition: Condition) -> None:
    size = 100_000
    for up in (True, False):
        outcome = carry(condition, size, 3, up=up, down=not up)
        assert outcome.right
        assert not outcome.wrong
        goal = condition.goal_up if up else condition.goal_down
        assert 100 * size / 11520 / outcome.seconds >= goal


def test_a_board_that_reboots_is_left_alone() -> None:
    for seed in range(20):
        session = Session(Faults(xen="in", ring=128, read=0.005), Faults(xen="out"), seed)
        session.laptop.to_send += bytes(50_000)
        session.run(2.0)
        session.board.alive = False
        died = session.now
        session.run(died + 0.3)
        session.board.out.write(b"\r\nU-Boot 2023.01 (Jan 01 2023)\r\nHit any key to stop autoboot:  2 ", session.now)
        session.run(died + 0.4)
        carried, told = session.laptop.out.carried, session.laptop.events
        assert carried > 1000
        assert [event.kind for event in told][:1] == [Kind.STOP], f"seed {seed}"
        session.run(died + 0.6)  # what the port had taken before leaves it
        after = session.laptop.out.carried
        session.run(died + 30)
        assert session.laptop.out.carried == after, f"seed {seed}"
        assert Kind.GONE in [event.kind for event in session.laptop.events]


def test_a_board_that_dies_without_a_word_is_left_alone_too() -> None:
    session = Session(Faults(), Faults(), 1)
    session.laptop.to_send += bytes(50_000)
    session.run(1.0)
    session.board.alive = False
    session.run(1.0 + FRESH + 0.3)
    after = session.laptop.out.carried
    session.run(30)
    assert session.laptop.out.carried == after


def test_the_bench_is_the_same_each_time() -> None:
    one, other = (carry(CONDITIONS[-2], 20_000, 9, up=True, down=True) for _ in range(2))
    assert one == other


# the simulator itself: each fault bites, or a green table would mean nothing


def through(faults: Faults, data: bytes, *, seconds: float = 60.0, pace: int = 0) -> tuple[bytes, Line]:
    line, got, now = Line(faults, 4), bytearray(), 0.0
    line.write(data[: pace or None], 0.0)
    rest = data[pace:] if pace else b""
    while now < seconds:
        now += 0.01
        if rest:
            line.write(rest[:pace], now)
            rest = rest[pace:]
        got += line.deliver(now)
    return bytes(got), line


def test_a_clean_line_carries_bytes_at_its_rate() -> None:
    data = bytes(range(256)) * 45
    assert through(Faults(), data)[0] == data
    assert len(through(Faults(), data, seconds=0.5)[0]) == pytest.approx(5760, abs=130)
    assert through(Faults(latency=0.3), data, seconds=0.3)[0] == b""


def test_faults_bite() -> None:
    data = random.Random(1).randbytes(100_000)
    flipped, _ = through(Faults(errors=1000), data)
    assert 50 < sum(one != other for one, other in zip(data, flipped, strict=True)) < 200
    assert 50 < len(data) - len(through(Faults(drops=1000), data)[0]) < 200
    assert len(through(Faults(ring=128, read=0.02), data)[0]) == pytest.approx(55_600, rel=0.02)
    assert through(Faults(ring=128, read=0.005), data)[0] == data
    assert len(data) - len(through(Faults(cable_out=(2, 4)), data)[0]) == pytest.approx(23_040, rel=0.02)
    logged, _ = through(Faults(logs=1), data, seconds=20)
    assert 5 < logged.count(b"[  ") + logged.count(b"(XEN)") < 40


def test_xens_input_does_what_xen_does() -> None:
    def typed(data: bytes) -> tuple[bytes, list[str]]:
        got, line = through(Faults(xen="in"), data, seconds=1)
        return got, line.incidents

    assert typed(b"a\xe1\x01b") == (b"aa\x01b", [])
    assert typed(b"a\x01\x01\x01R\x01\x01\x01b") == (b"ab", ["debug key 0x52 for Xen"])
    assert typed(b"a\x8fbc") == (b"ac", ["SysRq 0x62"])
    assert typed(b"\x0f\x0fc") == (b"\x0fc", [])


def test_xens_output_does_what_xen_does() -> None:
    assert through(Faults(xen="out"), b"a\nb")[0] == b"a\r\nb"
    got, _ = through(Faults(xen="out"), bytes(40_000))
    assert len(got) == 16384  # nobody is told that the rest is gone


def test_the_rate_of_a_slow_reader_is_found_and_can_be_remembered() -> None:
    slow, size = Faults(ring=128, read=0.02), 60_000
    found, took = None, []
    for _ in range(2):
        session = Session(slow, Faults(), 5)
        session.laptop.link = Link(session.laptop.link.session, laptop=True, rate=found)
        assert session.transfer(bytes(size), b"", 120)
        found = session.laptop.link.rate
        took.append(session.ended["up"])
        assert 4500 < found < 6400  # the ring carries 6,400 bytes/s
    assert took[1] < took[0] - 2
    assert size / took[1] > 0.4 * 11520
