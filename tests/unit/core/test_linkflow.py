"""How the link meets loss: what is sent again and when, how much is under way, what silence and a new line change."""

from __future__ import annotations

import random

import pytest

from edgedeploy.core import linkflow
from edgedeploy.core.link import Link
from edgedeploy.core.linkcodec import MARK
from edgedeploy.core.linkflow import Pace, Sender
from tests.unit.core.test_link import pair, settle


def sender_with(size: int, line: float = 11520.0) -> Sender:
    sender = Sender(Pace(line, None))
    assert sender.acknowledge(0, 0, None, linkflow.WINDOW, 0.0)
    sender.backlog += bytes(size)
    return sender


def launch(sender: Sender, now: float = 0.0) -> list[int]:
    """Send all that may be sent at `now`; the frames' numbers."""
    gone = []
    while (due := sender.frame(now)) is not None:
        sender.number()
        sender.sent(due[1], len(due[2]) + 15, now)
        gone.append(due[1])
    return gone


def test_what_a_later_transmission_overtook_goes_again_at_once() -> None:
    sender = sender_with(900)
    assert launch(sender) == [0, 1, 2, 3]
    assert sender.acknowledge(0, 0b10, 3, 30, 0.1)  # frame 2 is there, its transmission was the third
    assert launch(sender, 0.1) == [0, 1]  # frame 3 may still come
    assert sender.acknowledge(4, 0, 6, 32, 0.2)
    assert sender.waiting == 0


def test_a_lost_tail_goes_again_in_time() -> None:
    sender = sender_with(100)
    assert launch(sender) == [0]
    assert launch(sender, 0.2) == []
    assert sender.wake() < 1
    assert launch(sender, sender.wake() + 0.01) == [0]


def test_a_state_that_cannot_be_is_refused() -> None:
    sender = sender_with(900)
    launch(sender)
    assert not sender.acknowledge(5, 0, 1, 32, 0.1)
    assert not sender.acknowledge(0xFFFF, 0, 1, 32, 0.1)
    assert sender.acknowledge(0, 0xFFFFFFF0, 1, 32, 0.1)  # bits for frames that were never sent count for nothing
    assert sender.waiting == 900


def test_no_more_is_under_way_than_a_console_holds() -> None:
    assert sum(len(launch(one)) for one in [sender_with(60_000)]) <= linkflow.WINDOW
    slow = sender_with(60_000)
    assert len(launch(slow)) * 256 <= 0.5 * 11520
    fast = sender_with(60_000, 92160.0)
    fast.pace.payload = linkflow.PAYLOAD
    assert len(launch(fast)) * linkflow.PAYLOAD <= 8192


def test_a_room_that_was_granted_is_not_exceeded() -> None:
    sender = Sender(Pace(11520, None))
    sender.backlog += bytes(9000)
    assert launch(sender) == [0]  # nobody said yet that there is more room
    assert sender.acknowledge(1, 0, 1, 2, 0.1)
    assert launch(sender, 0.1) == [1, 2]


@pytest.mark.parametrize(("lost", "slower"), [(1.0, True), (0.3, False), (0.02, False)])
def test_near_total_loss_lowers_the_rate_and_a_noisy_line_the_frames(lost: float, slower: bool) -> None:
    pace, rng = Pace(11520, None), random.Random(1)
    for _ in range(400):
        pace.result(rng.random() >= lost, pace.era)
    assert (pace.rate < pace.line) is slower
    assert (pace.payload < 1400) is (lost > 0.1)


def test_what_was_sent_before_a_change_says_nothing_about_it() -> None:
    pace = Pace(11520, None)
    era = pace.era
    for _ in range(100):
        pace.result(False, era)
    assert pace.era == era + 1
    assert pace.rate == pytest.approx(9216)


def test_a_slow_pace_comes_in_slices_and_never_in_bursts() -> None:
    pace, sent = Pace(11520, 4800.0), []
    now = 0.0
    while now < 2:
        if room := pace.room(now):
            assert room == 24
            pace.wrote(room, now)
            sent.append(now)
        now = pace.wake(now)
        if 1 < now < 1.2:
            now = 1.2  # a late wake-up
    assert len(sent) * 24 == pytest.approx(1.8 * 4800, rel=0.05)
    for first, sixth in zip(sent, sent[6:], strict=False):
        assert sixth - first > 0.018


def test_a_cut_line_is_not_held_against_its_pace() -> None:
    laptop, board = pair()
    laptop.send(b"x")
    now = settle(laptop, board, 0.0)
    before = (laptop._pace.rate, laptop._pace.payload)
    laptop.send(bytes(20_000))
    for step in range(10):
        laptop.poll(now + step / 20)  # lost
    assert laptop.poll(now + 2)[0] == b""
    laptop.receive(board.poll(now + 2)[0], now + 2)
    laptop.poll(now + 2)
    assert (laptop._pace.rate, laptop._pace.payload) == before


def test_after_a_silence_the_laptop_begins_with_a_whole_frame() -> None:
    laptop, board = pair()
    now = settle(laptop, board, 0.0)
    laptop.send(bytes(20_000))
    written, _ = laptop.poll(now)
    assert written[-1] != MARK  # a part of a frame
    assert laptop.poll(now + 3)[0] == b""
    laptop.receive(board.poll(now + 3)[0], now + 3)
    assert laptop.poll(now + 3)[0][0] == MARK


def test_a_line_that_loses_its_eighth_bit_is_noticed() -> None:
    laptop, board = pair()
    laptop.send(b"one")
    now = settle(laptop, board, 0.0)
    assert laptop.eight
    laptop.send(b"two")
    settle(laptop, board, now, mask=True)
    assert not laptop.eight
    assert board.read() == b"onetwo"


def test_room_that_reading_made_is_told_at_once() -> None:
    laptop, board = pair()
    laptop.send(random.Random(1).randbytes(65536))
    now = settle(laptop, board, 0.0, 20.0)
    laptop.send(bytes(65536))
    now = settle(laptop, board, now, 20.0)
    assert board._receiver.room < 8
    now += 0.6
    assert board.poll(now)[0]
    assert not board.poll(now + 0.1)[0]
    assert board.read()
    assert board.poll(now + 0.1)[0]


def test_frames_suit_a_slower_line() -> None:
    link = Link(1, laptop=False, line=960.0)
    assert link._pace.payload <= 120
    assert Pace(115200.0, 50000.0).rate == 50000
