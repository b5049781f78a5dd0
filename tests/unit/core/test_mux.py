"""Many streams over one: what arrives, who waits for whom, and that strange bytes end it cleanly."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core.mux import CHANNELS, TAIL, VERSION, Garbage, Kind, Mux

WINDOW = 4096


def pair(window: int = WINDOW) -> tuple[Mux, Mux]:
    laptop, board = Mux(laptop=True, window=window), Mux(laptop=False, window=window)
    assert board.feed(laptop.take(100)) == []
    assert laptop.feed(board.take(100)) == []
    return laptop, board


def message(kind: int, channel: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BHH", kind, channel, len(payload)) + payload


def greeting(version: int = VERSION, window: int = WINDOW, magic: bytes = b"edge") -> bytes:
    return message(Kind.HELLO, 0, struct.pack(">4sBI", magic, version, window))


def carry(source: Mux, sink: Mux) -> list[tuple[Kind, int, bytes]]:
    found = []
    while data := source.take(777):
        found += sink.feed(data)
    return found


def data_of(found: list[tuple[Kind, int, bytes]], channel: int) -> bytes:
    return b"".join(payload for kind, number, payload in found if kind is Kind.DATA and number == channel)


def test_a_command_from_its_start_to_its_end():
    laptop, board = pair()
    channel = laptop.open(b"cat\0-\0")
    assert laptop.write(channel, b"hello") == 5
    laptop.eof(channel)
    assert carry(laptop, board) == [
        (Kind.OPEN, channel, b"cat\0-\0"), (Kind.DATA, channel, b"hello"), (Kind.EOF, channel, b"")
    ]  # fmt: skip
    board.write(channel, b"olleh")
    board.exit(channel, 7, b"words")
    assert carry(board, laptop) == [
        (Kind.WORDS, channel, b"words"), (Kind.EXIT, channel, b"\x07"), (Kind.DATA, channel, b"olleh")
    ]  # fmt: skip
    board.write(channel, b"of a grandchild")
    board.eof(channel)
    assert carry(board, laptop) == [(Kind.DATA, channel, b"of a grandchild"), (Kind.EOF, channel, b"")]
    assert laptop.write(channel, b"x") == board.write(channel, b"x") == 0, "both have forgotten it"
    assert laptop.open(b"true") == channel + 1


def test_what_is_opened_before_the_greeting_came_may_be_written_after_it():
    laptop, board = Mux(laptop=True, window=WINDOW), Mux(laptop=False, window=WINDOW)
    channel = laptop.open(b"cat")
    assert laptop.write(channel, b"x") == 0
    laptop.feed(board.take(100))
    assert laptop.write(channel, b"x" * 9999) == WINDOW


def test_a_stream_that_nobody_reads_stops_itself_and_nothing_else():
    laptop, board = pair()
    stuck, moving = laptop.open(b"a"), laptop.open(b"b")
    carry(laptop, board)
    sent = 0
    for _ in range(20):
        sent += board.write(stuck, b"s" * 5000)
        board.write(moving, b"m" * 1000)
        found = carry(board, laptop)
        assert data_of(found, moving) == b"m" * 1000
        laptop.used(moving, 1000)
        carry(laptop, board)
    assert sent == WINDOW
    laptop.used(stuck, WINDOW)
    carry(laptop, board)
    assert board.room(stuck) == WINDOW


def test_streams_take_turns():
    laptop, board = pair(1 << 20)
    one, other = laptop.open(b"a"), laptop.open(b"b")
    laptop.write(one, b"x" * 500_000)
    laptop.write(other, b"y")
    assert (Kind.DATA, other, b"y") in board.feed(laptop.take(8000))


def test_dropped_output_no_longer_waits_for_credit():
    laptop, board = pair()
    channel = laptop.open(b"a")
    carry(laptop, board)
    board.write(channel, b"x" * WINDOW)
    carry(board, laptop)
    board.used(channel, 1)
    laptop.drop(channel)
    assert carry(laptop, board) == [(Kind.DROP, channel, b"")]
    assert board.write(channel, b"more") == 0
    board.exit(channel, 0, b"")
    board.eof(channel)
    assert carry(board, laptop) == [(Kind.EXIT, channel, b"\0"), (Kind.EOF, channel, b"")]


def test_a_command_that_reads_no_more_is_said():
    laptop, board = pair()
    channel = laptop.open(b"a")
    laptop.write(channel, b"x" * 100)
    carry(laptop, board)
    board.drop(channel)
    assert carry(board, laptop) == [(Kind.DROP, channel, b"")]
    assert laptop.room(channel) == 0


def test_a_closed_channel_may_still_be_spoken_to():
    laptop, board = pair()
    channel = laptop.open(b"a")
    carry(laptop, board)
    board.write(channel, b"late")
    laptop.close(channel)
    assert carry(board, laptop) == []
    assert carry(laptop, board) == [(Kind.CLOSE, channel, b"")]
    board.exit(channel, 1, b"")
    assert carry(board, laptop) == []


def test_of_stderr_the_tail_arrives():
    laptop, board = pair()
    channel = laptop.open(b"a")
    carry(laptop, board)
    board.exit(channel, 300, b"-" + b"t" * TAIL)
    found = carry(board, laptop)
    assert b"".join(payload for kind, _, payload in found if kind is Kind.WORDS) == b"t" * TAIL
    assert found[-1] == (Kind.EXIT, channel, bytes([300 & 255]))


def test_there_are_not_more_channels_than_fit():
    laptop, board = pair()
    for _ in range(CHANNELS):
        assert not laptop.full
        laptop.open(b"a")
    assert laptop.full
    carry(laptop, board)
    laptop.close(1)
    assert not laptop.full


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (message(Kind.DATA, 1), "no greeting"),
        (b"login: ", "no greeting"),
        (greeting(VERSION + 1), "speaks version"),
        (greeting(magic=b"edgy"), "speaks version"),
        (greeting(window=1), "speaks version"),
        (greeting(window=1 << 30), "speaks version"),
        (message(Kind.HELLO, 0, b"edge"), "greeting that is none"),
        (greeting() + greeting(), "greeting that is none"),
        (greeting() + message(77, 1), "kind 77"),
        (greeting() + message(Kind.EXIT, 1, b"\0"), "EXIT"),
        (greeting() + message(Kind.WORDS, 1, b"\0"), "WORDS"),
        (greeting() + message(Kind.DATA, 1, b"x"), "never opened"),
        (greeting() + message(Kind.OPEN, 0, b"x"), "cannot be opened"),
        (greeting() + message(Kind.OPEN, 1, b"x") * 2, "cannot be opened"),
        (greeting() + b"".join(message(Kind.OPEN, n + 1, b"x") for n in range(CHANNELS + 1)), "cannot be opened"),
        (greeting() + message(Kind.OPEN, 1, b"x") + message(Kind.EOF, 1, b"x"), "EOF of 1"),
        (greeting() + message(Kind.OPEN, 1, b"x") + message(Kind.CREDIT, 1, b"x"), "CREDIT of 1"),
        (greeting() + message(Kind.OPEN, 1, b"x") + message(Kind.CREDIT, 1, b"\xff" * 4), "credit"),
        (greeting() + message(Kind.OPEN, 1, b"x") + message(Kind.DATA, 1, b"x" * (WINDOW + 1)), "may come"),
        (greeting() + message(Kind.OPEN, 1, b"x") + message(Kind.EOF, 1) + message(Kind.DATA, 1, b"x"), "may come"),
    ],
)
def test_what_a_laptop_must_not_say(raw, words):
    with pytest.raises(Garbage, match=words):
        Mux(laptop=False, window=WINDOW).feed(raw)


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.CLOSE])
def test_what_a_board_must_not_say(kind):
    with pytest.raises(Garbage, match=kind.name):
        Mux(laptop=True, window=WINDOW).feed(greeting() + message(kind, 1))


@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_hostile_bytes_raise_nothing_else(raw, laptop, greeted):
    mux = Mux(laptop=laptop, window=WINDOW)
    if laptop:
        mux.open(b"a")
    try:
        mux.feed((greeting() if greeted else b"") + raw)
        assert len(mux.take(1 << 20)) < 70_000
    except Garbage:
        pass


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.binary(max_size=3000), st.integers(0, 3000)), max_size=60),
    st.integers(1, 999),
    st.integers(4096, 9000),
)
def test_every_stream_arrives_whole_and_in_order_whoever_reads_when(steps, piece, window):
    ends = pair(window)
    for name in (b"a", b"b", b"c", b"d", b"e"):
        ends[0].open(name)
    carry(ends[0], ends[1])
    sent: dict[tuple[int, bool], bytes] = {}
    came: dict[tuple[int, bool], bytes] = {}
    unread: dict[tuple[int, bool], int] = {}
    for at, up, data, read in steps:
        channel, writer, reader = at + 1, ends[not up], ends[up]
        sent[channel, up] = sent.get((channel, up), b"") + data[: writer.write(channel, data)]
        for source, sink, way in ((ends[0], ends[1], True), (ends[1], ends[0], False)):
            for kind, number, payload in sink.feed(source.take(piece)):
                assert kind is Kind.DATA
                came[number, way] = came.get((number, way), b"") + payload
                unread[number, way] = unread.get((number, way), 0) + len(payload)
                assert unread[number, way] <= window
        used = min(read, unread.get((channel, up), 0))
        reader.used(channel, used)
        unread[channel, up] = unread.get((channel, up), 0) - used
    for source, sink, way in ((ends[0], ends[1], True), (ends[1], ends[0], False)):
        for kind, number, payload in carry(source, sink):
            assert kind is Kind.DATA
            came[number, way] = came.get((number, way), b"") + payload
    assert {key: data for key, data in sent.items() if data} == came
