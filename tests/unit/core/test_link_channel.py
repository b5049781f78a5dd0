"""Every byte arrives once and in order, or the session is lost: whatever a channel does to the chunks."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.core.link import FRESH, Kind
from edgedeploy.core.linkcodec import FORBIDDEN
from tests.needs import examples
from tests.unit.core.test_link import pair


class Channel:
    """One direction: chunks that are lost, doubled, swapped, cut, damaged, delayed and mixed with foreign text."""

    def __init__(self, rng: random.Random, faults: set[str], good_from: float) -> None:
        self.rng, self.faults, self.good_from = rng, faults, good_from
        self.waiting: list[tuple[float, int, bytes]] = []
        self.order = itertools.count()

    def put(self, data: bytes, now: float) -> None:
        pieces = [data]
        if now < self.good_from:
            cut = self.rng.randrange(len(data) + 1)
            pieces = [self.spoilt(data[:cut]), self.spoilt(data[cut:])]
        for piece in pieces:
            bad = now < self.good_from and self.rng.random() < 0.3
            late = self.rng.random() * 0.8 if bad and "reorder" in self.faults else 0.0
            late += 0.2 if "latency" in self.faults else 0.0
            if bad and "loss" in self.faults:
                continue
            for _ in range(2 if bad and "double" in self.faults else 1):
                self.waiting.append((now + late, next(self.order), piece))

    def spoilt(self, piece: bytes) -> bytes:
        out = bytearray(piece)
        if "flips" in self.faults and out and self.rng.random() < 0.3:
            out[self.rng.randrange(len(out))] ^= 1 << self.rng.randrange(8)
        if "garbage" in self.faults and self.rng.random() < 0.2:
            out += self.rng.randbytes(self.rng.randrange(1, 60))
        if "logs" in self.faults and self.rng.random() < 0.3:
            out += b"[   %d.345678] xenbr0: port 2(vif3.0) entered forwarding state\r\r\n" % self.rng.randrange(99)
        return bytes(out)

    def get(self, now: float) -> bytes:
        due = sorted(one for one in self.waiting if one[0] <= now)
        self.waiting = [one for one in self.waiting if one[0] > now]
        return b"".join(piece for _, _, piece in due)


FAULTS = ["loss", "double", "reorder", "flips", "garbage", "logs", "latency"]


@settings(max_examples=examples(120))
@given(
    seed=st.integers(0, 2**32 - 1),
    faults=st.sets(st.sampled_from(FAULTS)),
    sizes=st.tuples(st.integers(0, 9000), st.integers(0, 9000)),
    mask=st.booleans(),
)
def test_every_byte_arrives_once_and_in_order_or_the_session_is_lost(
    seed: int, faults: set[str], sizes: tuple[int, int], mask: bool
) -> None:
    rng = random.Random(seed)
    laptop, board = pair(rng.getrandbits(32))
    up, down = Channel(rng, faults, 6.0), Channel(rng, faults, 6.0)
    want_up, want_down = rng.randbytes(sizes[0]), rng.randbytes(sizes[1])
    laptop.send(want_up)
    board.send(want_down)
    got_up, got_down, now = bytearray(), bytearray(), 0.0
    while now < 60 and (len(got_up) < sizes[0] or len(got_down) < sizes[1]):
        data = up.get(now)
        board.receive(bytes(byte & 0x7F for byte in data) if mask else data, now)
        laptop.receive(down.get(now), now)
        got_up += board.read()
        got_down += laptop.read()
        assert want_up.startswith(got_up)
        assert want_down.startswith(got_down)
        written, _ = laptop.poll(now)
        assert not written or (laptop.heard_at is not None and now - laptop.heard_at < FRESH)
        answered, _ = board.poll(now)
        for wire in (written, answered):
            assert wire.translate(None, FORBIDDEN) == wire
        up.put(written, now)
        down.put(answered, now)
        now += 0.02
    lost = [event for link in (laptop, board) for event in link.events() if event.kind is Kind.LOST]
    assert lost or (got_up == want_up and got_down == want_down), f"at {now:.1f} s: {len(got_up)}, {len(got_down)}"
    assert not lost or "reorder" in faults  # a line that keeps the order never makes the far end look forgetful
