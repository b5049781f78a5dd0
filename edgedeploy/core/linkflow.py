"""The link's two halves of one direction: what goes out again and how fast, and what came in and in which order.

Times are seconds of the caller's clock, sizes bytes, rates bytes on the wire per second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW = 32
"""frames sent and not acknowledged, at most"""
PAYLOAD = 1400
"""of a frame, at most: one bit error in 50 kB then costs 3 % of the frames"""
BUFFER = 64 * 1024
"""bytes kept for sending, and as many for reading"""
AHEAD = 0.04
"""how far the line is filled ahead: less and a late wake-up leaves it idle, more and a stop comes late"""
_SLICE = 24  # five fit Xen's ring of 128 bytes (console.c: SERIAL_RX_SIZE), whatever phase its reader has
_FIRST, _SMALL, _LEAST = 256, 256, 64
_MANY = 32  # results that are looked at
_IN_FLIGHT = 8192  # Xen drops its guests' output when 16 KiB wait (serial.c: tx_quench)


class Pace:
    """How large frames may be and how fast they go, learned from which arrive.

    Nothing on a Xen console pushes back: what comes too fast is dropped in silence, so loss is the only measure.
    """

    def __init__(self, line: float, rate: float | None) -> None:
        self.line = line
        self.rate = max(min(rate or line, line), _SLICE)
        self.payload = self._fitting(_FIRST)
        self.era = 0
        """grows with each change; what was sent before it says nothing about it"""
        self._free = 0.0  # when the line has carried all that was handed over
        self._failed = float("inf")
        self._results: deque[bool] = deque(maxlen=_MANY)
        self._needed = 4  # results before the frames grow

    def room(self, now: float) -> int:
        """Bytes that may be written now."""
        if self.rate < self.line:
            return _SLICE if now >= self._free - 1e-4 else 0
        return max(0, int((now + AHEAD - max(self._free, now)) * self.line))

    def wrote(self, size: int, now: float) -> None:
        """`size` bytes were written at `now`."""
        # a slice that comes late is made up for by no more than one
        late = _SLICE / self.rate if self.rate < self.line else 0.0
        self._free = max(self._free, now - late) + size / self.rate

    def wake(self, now: float) -> float:
        """When the line wants more bytes."""
        return max(now + 1e-3, self._free - (0 if self.rate < self.line else AHEAD / 2))

    def ends(self, size: int, now: float) -> float:
        """When the last of `size` bytes will have left, were they written now."""
        return max(self._free, now) + size / self.rate

    def in_flight(self, rtt: float) -> float:
        """Bytes that may be under way: 0.3 s and two round trips."""
        return min(self.rate * (0.3 + 2 * rtt), _IN_FLIGHT)

    def result(self, arrived: bool, era: int) -> None:
        """A frame sent in `era` arrived, or did not."""
        if era != self.era:
            return
        self._results.append(arrived)
        tried, lost = len(self._results), self._results.count(False)
        if lost >= 5 and lost * 6 >= tried * 5:
            self._worse(0.8)
        elif tried >= (12 if self.rate < self.line else 24) and lost * 5 >= tried:
            self._worse(0.92)
        elif arrived and lost * 24 <= tried:
            self._grow(tried)

    def _worse(self, factor: float) -> None:
        """Smaller frames first: they meet fewer bit errors. A lower rate where that cannot be what is wrong."""
        self._needed = _MANY
        if factor == 0.8 and self.payload > _SMALL:
            self._change(self.rate, _SMALL)
        elif factor > 0.8 and (self.rate == self.line or self.payload > _SMALL // 2):
            self._change(self.rate, self.payload // 2)
        else:
            self._failed = self.rate
            small = self.payload if self.rate > self.line / 2 else _SMALL // 2
            self._change(max(self.rate * factor, self.line / 32), small)

    def _grow(self, tried: int) -> None:
        if self.payload < self._fitting(PAYLOAD) and tried >= self._needed and (self.rate == self.line or self.payload < _SMALL):
            self._change(self.rate, self.payload * 2)
        elif self.rate < self.line and tried == _MANY:
            faster = min(self.rate * 1.05, self.line)
            if faster < self._failed * 0.97:
                self._change(faster, self.payload)
            elif not self._results.count(False):
                self._failed *= 1.005  # what failed once may have been chance: come near again, slowly
                self._results.clear()

    def _change(self, rate: float, payload: int) -> None:
        self.rate, self.payload = rate, self._fitting(payload)
        self.era += 1
        self._results.clear()

    def _fitting(self, payload: int) -> int:
        return max(_LEAST, min(payload, PAYLOAD, int(self.line / 8)))  # an ACK waits for one frame at most


@dataclass(slots=True)
class _Sent:
    number: int  # of this transmission
    size: int
    ends: float
    era: int


class Sender:
    """Selective repeat. The line keeps the order: when a later transmission arrived, an earlier one is lost for certain."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.backlog = bytearray()
        self.rtt = 0.1
        """seconds from a frame's last byte to its ACK, smoothed"""
        self.moved = 0.0
        """when the far end last acknowledged something new, or there was nothing to acknowledge"""
        self._frames: dict[int, bytes] = {}
        self._flying: dict[int, _Sent] = {}  # in order of transmission
        self._lost: set[int] = set()
        self._ends: dict[int, float] = {}
        self._base = self._next = self._number = 0
        self._edge = 1  # first frame for which the far end has no room
        self._spread, self._backoff = 0.05, 1.0

    @property
    def waiting(self) -> int:
        """Bytes accepted and not acknowledged."""
        return len(self.backlog) + sum(map(len, self._frames.values()))

    def frame(self, now: float) -> tuple[int, int, bytes] | None:
        """The next frame to send: its number modulo 2**16, the transmission's modulo 256, its payload."""
        self._expire(now)
        size = sum(sent.size for sent in self._flying.values())
        if len(self._flying) > 1 and size + self.pace.payload > self.pace.in_flight(self.rtt):
            return None
        if self._lost:
            seq = min(self._lost)
            self._lost.discard(seq)
        elif self.backlog and self._next < min(self._base + WINDOW, self._edge):
            if not self._frames:
                self.moved = now
            seq, self._next = self._next, self._next + 1
            self._frames[seq] = bytes(self.backlog[: self.pace.payload])
            del self.backlog[: self.pace.payload]
        else:
            return None
        return seq & 0xFFFF, seq, self._frames[seq]

    def sent(self, seq: int, size: int, now: float) -> None:
        """Frame `seq` goes out at `now` as `size` bytes."""
        ends = self.pace.ends(size, now)
        self._flying[seq] = _Sent(self._number, size, ends, self.pace.era)
        self._ends[self._number] = ends
        self._ends.pop(self._number - 128, None)

    def number(self) -> int:
        """Of the next transmission, modulo 256."""
        self._number += 1
        return self._number & 0xFF

    def acknowledge(self, following: int, bitmap: int, heard: int | None, room: int, now: float) -> bool:
        """The far end's state: the next frame it waits for, which later ones it has, the last transmission it heard,
        for how many frames it has room. False when that cannot be the state of a far end of ours."""
        ahead = (following - self._base) & 0xFFFF
        if ahead > self._next - self._base:
            return False
        base = self._base + ahead
        have = set(range(self._base, base)) | {base + 1 + bit for bit in range(WINDOW) if bitmap >> bit & 1}
        have &= self._frames.keys()
        for seq in have:
            del self._frames[seq]
            self._lost.discard(seq)
            if sent := self._flying.pop(seq, None):
                self.pace.result(arrived=True, era=sent.era)
        self._base, self._edge = base, max(self._edge, base + room)
        if have or not self._frames:
            self.moved, self._backoff = now, 1.0
        if heard is not None:
            self._passed(self._number - ((self._number - heard) & 0xFF), now)
        return True

    def _passed(self, number: int, now: float) -> None:
        if (ended := self._ends.pop(number, None)) is not None:
            # more than 1 s is an ACK that was lost, or a cable that was out, and not the line's round trip
            off = min(max(0.0, now - ended), 1.0) - self.rtt
            self.rtt += off / 4
            self._spread += (abs(off) - self._spread) / 4
        for seq, sent in list(self._flying.items()):
            if sent.number <= number:
                self._lose(seq)

    def _lose(self, seq: int) -> None:
        self.pace.result(arrived=False, era=self._flying.pop(seq).era)
        self._lost.add(seq)

    def _expire(self, now: float) -> None:
        late = [seq for seq, sent in self._flying.items() if now >= sent.ends + self._patience()]
        for seq in late:
            self._lose(seq)
        if late:
            self._backoff = 1.5

    def _patience(self) -> float:
        return min((0.25 + self.rtt + 4 * self._spread) * self._backoff, 3.0)

    def again(self) -> None:
        """All that is under way is lost, and the pace is not to blame: the line was cut."""
        self._lost.update(self._flying)
        self._flying.clear()

    def wake(self) -> float:
        """When `frame` may have something new to say, if nothing is received before."""
        return min((sent.ends for sent in self._flying.values()), default=float("inf")) + self._patience()


class Receiver:
    """Puts payloads in order."""

    def __init__(self) -> None:
        self.unread = bytearray()
        self.heard: int | None = None
        self.next = 0
        self._early: dict[int, bytes] = {}

    @property
    def room(self) -> int:
        """Frames, from the next one on, that may come."""
        return max(0, min(WINDOW, (BUFFER - len(self.unread)) // PAYLOAD))

    @property
    def bitmap(self) -> int:
        """Bit n: frame next + 1 + n is here."""
        return sum(1 << (seq - self.next - 1) for seq in self._early)

    def take(self, seq: int, number: int, payload: bytes) -> bool:
        """A frame came. True when it was the next one: anything else the far end should hear of at once."""
        ahead = (seq - self.next) & 0xFFFF
        if ahead < 0x8000 and (ahead >= self.room or len(payload) > PAYLOAD):
            return False
        self.heard = number
        if ahead >= 0x8000:
            return False
        self._early[self.next + ahead] = payload
        while (following := self._early.pop(self.next, None)) is not None:
            self.unread += following
            self.next += 1
        return ahead == 0
