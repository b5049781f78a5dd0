"""The link's promises: every byte once and in order or the session is lost; silence unless the board is heard; bounds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.core import linkcodec, linkflow
from edgedeploy.core.link import FRESH, Event, Kind, Link

SESSION = 0xC0FFEE11


def pair(session: int = SESSION) -> tuple[Link, Link]:
    return Link(session, laptop=True), Link(session, laptop=False)


def over(*links: Link) -> bool:
    return any(link.over for link in links)


def settle(laptop: Link, board: Link, now: float, seconds: float = 60.0, *, mask: bool = False) -> float:
    """Join the two with a perfect line until nothing waits; returns the time."""
    end = now + seconds
    while now < end and not over(laptop, board):
        up, _ = laptop.poll(now)
        down, _ = board.poll(now)
        board.receive(bytes(byte & 0x7F for byte in up) if mask else up, now)
        laptop.receive(down, now)
        now += 0.01
        if not laptop.waiting and not board.waiting and not up and not down:
            break
    return now


@pytest.mark.parametrize("mask", [False, True])
def test_both_directions_at_once_over_either_line(mask: bool) -> None:
    laptop, board = pair()
    up, down = random.Random(1).randbytes(20_000), bytes(range(256)) * 70
    assert laptop.send(up) == len(up)
    assert board.send(down) == len(down)
    settle(laptop, board, 0.0, mask=mask)
    assert board.read() == up
    assert laptop.read() == down
    assert laptop.eight is not mask
    assert board.eight
    assert not laptop.events()
    assert not board.events()


def test_the_board_beacons_and_the_laptop_waits_for_it() -> None:
    laptop, board = pair()
    laptop.send(b"x" * 5000)
    for step in range(1000):
        assert laptop.poll(step / 10)[0] == b""
    beacons = [now for now in range(100) if board.poll(now / 10)[0]]
    assert len(beacons) == 20  # one in 0.5 s, and nothing else


def test_the_laptop_falls_silent_with_the_board_and_goes_on_with_it() -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.send(b"y" * 60_000)
    laptop.poll(now)  # lost
    last = laptop.heard_at
    assert last is not None
    for step in range(1, 3000):
        written, _ = laptop.poll(last + step / 100)
        assert not written or step / 100 < FRESH
    assert laptop.events() == [Event(Kind.GONE)]
    settle(laptop, board, last + 40)
    assert board.read() == b"y" * 60_000
    assert Event(Kind.BACK) in laptop.events()


@pytest.mark.parametrize("words", [b"U-Boot 2023.01", b"Hit any key to stop", b"(XEN) Xen version 4.17"])
@pytest.mark.parametrize("split", [0, 3])
def test_words_stop_the_laptop_until_the_board_is_heard(words: bytes, split: int) -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.send(b"z" * 9000)
    assert laptop.poll(now)[0]
    laptop.receive(b"\r\n" + words[:split], now)
    laptop.receive(words[split:], now)
    for step in range(100):
        assert laptop.poll(now + step / 100)[0] == b""
    assert laptop.events()[0].kind is Kind.STOP
    now += 1
    board.receive(b"", now)
    beacon, _ = board.poll(now)
    laptop.receive(beacon, now)
    assert laptop.poll(now)[0]


def test_at_xens_console_a_beacon_is_not_enough() -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.send(b"z" * 9000)
    laptop.receive(b"(XEN) *** Serial input to Xen (type 'CTRL-a' three times to switch input)\r\n", now)
    for step in range(1, 8):
        beacon, _ = board.poll(now + 0.6 * step)
        assert beacon
        laptop.receive(beacon, now + 0.6 * step)
        assert laptop.poll(now + 0.6 * step)[0] == b""
    laptop.receive(b"(XEN) *** Serial input to DOM0 (type 'CTRL-a' three times to switch input)\r\n", now + 5)
    beacon, _ = board.poll(now + 5)
    laptop.receive(beacon, now + 5)
    assert laptop.poll(now + 5)[0]


def test_the_caller_can_bring_the_laptop_back_from_xens_console() -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.receive(b"*** Serial input -> Xen\r\n", now)
    laptop.send(b"x")
    assert laptop.poll(now)[0] == b""
    laptop.resume()
    assert laptop.poll(now)[0]


def test_words_in_the_data_stop_nothing() -> None:
    laptop, board = pair()
    board.send(b"*** Serial input to Xen\r\n(XEN) Xen version U-Boot Hit any key" * 50)
    laptop.send(b"x")
    settle(laptop, board, 0.0)
    assert not laptop.events()
    assert board.read() == b"x"


@pytest.mark.parametrize("heard_ours", [False, True])
def test_another_session_ends_ours(heard_ours: bool) -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0) if heard_ours else 0.0
    other = Link(0xBAD, laptop=False)
    for _step in range(4):
        now += 0.6
        laptop.receive(other.poll(now)[0], now)
    assert laptop.events() == [Event(Kind.LOST, "00000bad")]
    assert laptop.over
    assert laptop.send(b"x") == 0
    assert laptop.poll(now) == (b"", float("inf"))


def test_a_single_frame_left_over_from_before_ends_nothing() -> None:
    laptop, board = pair()
    laptop.receive(Link(0xBAD, laptop=False).poll(0.0)[0], 0.0)
    laptop.send(b"x")
    settle(laptop, board, 0.0)
    assert board.read() == b"x"


def test_a_frame_of_ours_makes_up_for_strange_ones() -> None:
    laptop, board = pair()
    other, now = Link(0xBAD, laptop=False), 0.0
    for _ in range(5):
        for _ in range(2):
            now += 0.6
            laptop.receive(other.poll(now)[0], now)
        laptop.receive(board.poll(now)[0], now)
    assert not laptop.over
    assert not laptop.events()


def test_an_agent_that_forgot_the_session_is_noticed() -> None:
    laptop, board = pair()
    laptop.send(b"x" * 20_000)
    now = settle(laptop, board, 0.0)
    board = Link(SESSION, laptop=False)
    for step in range(10):
        assert not laptop.over or step > 1  # an ACK out of date is no proof
        laptop.receive(board.poll(now + 0.6 * step)[0], now + 0.6 * step)
    assert laptop.over
    assert laptop.events()[-1].kind is Kind.LOST


def test_good_bye_is_heard() -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.close()
    settle(laptop, board, now)
    assert board.events() == [Event(Kind.CLOSED)]
    assert board.over
    assert laptop.over


def test_memory_is_bounded_where_nobody_reads() -> None:
    laptop, board = pair()
    data, now, sent = random.Random(2).randbytes(300_000), 0.0, 0
    for _ in range(30):
        sent += laptop.send(data[sent:])
        now = settle(laptop, board, now, 1.0)
        assert laptop.waiting <= linkflow.BUFFER
        assert len(board._receiver.unread) <= linkflow.BUFFER
    assert sent < 3 * linkflow.BUFFER
    got = bytearray()
    while len(got) < len(data) and now < 600:
        sent += laptop.send(data[sent:])
        now = settle(laptop, board, now, 1.0)
        got += board.read(5000)
    assert got == data


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(["bytes", "text", "marks", "line"]))
def test_garbage_is_bounded_and_wakes_nobody(seed: int, kind: str) -> None:
    rng = random.Random(seed)
    alphabet = {"bytes": bytes(range(256)), "text": b"ab[ \r\n", "marks": b"\x1e7A8\xb7\n", "line": b"x"}[kind]
    laptop, board = pair()
    laptop.send(b"secret")
    for now in range(20):
        junk = bytes(rng.choices(alphabet, k=5000))
        laptop.receive(junk, now)
        board.receive(junk, now)
        assert laptop.poll(now)[0] == b""
        board.poll(now)
        assert len(laptop._segment) <= 8192
        assert len(laptop._text) <= 65536
    assert not laptop.over
    assert board.read() == b""
    settle(laptop, board, 20.0)
    assert board.read() == b"secret"


def test_log_text_goes_to_the_caller() -> None:
    laptop, board = pair()
    board.send(bytes(range(256)) * 3)
    line = b"[   12.345678] xenbr0: port 2(vif3.0) entered disabled state\r\r\n"
    beacon, _ = board.poll(0.0)
    laptop.receive(beacon, 0.0)
    board.receive(laptop.poll(0.0)[0], 0.0)
    down = b"".join(board.poll(step / 100)[0] for step in range(1, 40))
    laptop.receive(down[:100] + line + down[100:], 0.4)
    assert laptop.text() == line
    assert laptop.read() == bytes(range(256)) * 3


def test_a_boot_log_is_handed_over_without_waiting_for_a_frame() -> None:
    laptop, _ = pair()
    laptop.receive(b"[    0.000000] Booting Linux on physical CPU 0x0\r\n", 1.0)
    laptop.poll(2.5)
    assert b"Booting" in laptop.text()


def test_the_largest_frame_fits_what_is_taken_for_one() -> None:
    longest = b"D" + bytes(3 + linkflow.PAYLOAD)
    assert max(len(linkcodec.frame(longest, 0, tag)) for tag in (b"7", b"8")) - 2 <= linkcodec.LARGEST


def test_a_far_end_that_ignores_the_room_fills_no_memory() -> None:
    receiver = linkflow.Receiver()
    for seq in range(500):
        receiver.take(seq & 0xFFFF, 1, bytes(linkflow.PAYLOAD))
    assert len(receiver.unread) <= linkflow.BUFFER
    receiver = linkflow.Receiver()
    for seq in range(500, 0, -1):
        receiver.take(seq, 1, b"x")
    assert receiver.bitmap == 2**31 - 1
    assert not receiver.take(0, 1, bytes(linkflow.PAYLOAD + 1))
    assert not receiver.unread


def test_a_sender_keeps_little_of_what_went_by() -> None:
    sender = linkflow.Sender(linkflow.Pace(11520, None))
    assert sender.acknowledge(0, 0, None, 32, 0.0)
    for step in range(3000):
        sender.backlog += b"x"
        due = sender.frame(step / 10)
        assert due is not None
        number = sender.number()
        sender.sent(due[1], 20, step / 10)
        if step % 2:  # an ACK for two: nobody asks after the first transmission again
            assert sender.acknowledge((due[1] + 1) & 0xFFFF, 0, number, 32, step / 10 + 0.05)
    assert sender.waiting == 0
    assert len(sender._ends) <= 128
