"""Two ends of the link and the two lines between them, in virtual time: no threads, no sleeping, the same run each time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from bench.line import Faults, Line
from edgedeploy.core.link import FRESH, Event, Link
from edgedeploy.core.linkcodec import FORBIDDEN


@dataclass
class End:
    """One end: the link, what it still has to send, what it got."""

    link: Link
    out: Line
    back: Line
    to_send: bytearray = field(default_factory=bytearray)
    got: bytearray = field(default_factory=bytearray)
    wake: float = 0.0
    heard: float = float("-inf")
    events: list[Event] = field(default_factory=list)
    log: bytearray = field(default_factory=bytearray)
    alive: bool = True


class Session:
    """A laptop and a board. `up` is the line to the board, `down` the line to the laptop."""

    def __init__(self, up: Faults, down: Faults, seed: int, *, jitter: float = 0.002) -> None:
        self.random = random.Random(seed)
        self.now, self.jitter = 0.0, jitter
        one, other = Line(up, seed * 2 + 1), Line(down, seed * 2 + 2)
        number = self.random.getrandbits(32)
        self.laptop = End(Link(number, laptop=True, line=up.rate), one, other)
        self.board = End(Link(number, laptop=False, line=down.rate), other, one)
        self.wrong: list[str] = []
        """rules that were broken"""
        self.ended = {"up": 0.0, "down": 0.0}
        """when the last byte was read at the far end"""

    def transfer(self, up: bytes, down: bytes, limit: float) -> bool:
        """Carry both; whether all of it arrived within `limit` seconds of virtual time."""
        self.laptop.to_send += up
        self.board.to_send += down
        self.run(limit, lambda: len(self.board.got) >= len(up) and len(self.laptop.got) >= len(down))
        return bytes(self.board.got) == up and bytes(self.laptop.got) == down

    def run(self, limit: float, done=lambda: False) -> None:
        """Go on until `done()`, or until the clock shows `limit`."""
        ends = (self.laptop, self.board)
        while not done():
            at = min(min(end.wake, end.back.next_at()) for end in ends)
            self.now = max(self.now, min(at, limit))
            if at > limit:
                return
            for end in ends:
                self._step(end)

    def _step(self, end: End) -> None:
        data = end.back.deliver(self.now) if end.back.next_at() <= self.now else b""
        if not end.alive:
            end.wake = float("inf")
            return
        if not data and end.wake > self.now:
            return
        link = end.link
        if data:
            before = link.heard_at
            link.receive(data, self.now)
            if link.heard_at != before:
                end.heard = self.now
            end.events += link.events()
            end.log += link.text()
        while end.to_send and (taken := link.send(bytes(end.to_send[:4096]))):
            del end.to_send[:taken]
        if got := link.read():
            end.got += got
            self.ended["down" if end is self.laptop else "up"] = self.now
        written, wake = link.poll(self.now)
        end.events += link.events()
        if written:
            self._watch(end, written)
            end.out.write(written, self.now)
        end.wake = wake + self.random.random() * self.jitter

    def _watch(self, end: End, written: bytes) -> None:
        if written.translate(None, FORBIDDEN) != written:
            self.wrong.append(f"{self.now:.3f}: a forbidden byte was written")
        if end is self.laptop and self.now - end.heard > FRESH:
            self.wrong.append(f"{self.now:.3f}: the laptop wrote, {self.now - end.heard:.1f} s after a sign of life")
        if not end.out.faults.errors:  # a flipped bit can make a Ctrl-O of any frame: that is the line's doing
            self.wrong += [f"{self.now:.3f}: {what}" for what in end.out.incidents]
