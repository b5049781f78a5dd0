"""A reliable byte stream over a serial console, without I/O: the same code on the laptop and on the board.

What it is up against, and where that is from, is in docs/adr/0009. The caller owns the port, the clock and the session's
number. It calls `receive` with what it read, `poll` for what to write, and again at the time that `poll` names.

Frames: D seq:16 transmission:8 payload · A session:32 next:16 bitmap:32 heard:8 flags:8 · B session:32. Big-endian, CRC-32
behind; that of D starts at the session's number, so that no other session's data is ever taken for ours.
"""

from __future__ import annotations

import re
import struct
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from edgedeploy.core import linkcodec, linkflow
from edgedeploy.core.linkcodec import EIGHT, PROBE, SEVEN

BEACON = 0.5
"""seconds between two signs of life of the board"""
FRESH = 1.5
"""seconds after the last valid frame in which the laptop may write; without one it never does"""
GONE = 5.0
"""seconds without a valid frame after which the far end counts as gone, and the board sends no data"""
_ALIVE = 2.0  # between two signs of life of the laptop
_ACK_GAP = 0.04
_STALE = 8
_SEGMENT = 8192  # the largest frame has 1,650 bytes; the rest is for log lines inside it
_PAUSE = 1.0  # no frame rests that long on its way: what came before is text
_TEXT = 64 * 1024
_ACK = struct.Struct(">cIHIBB")
_DATA = struct.Struct(">cHB")
_BYE = struct.Struct(">cI")
_HEARD, _CLEAN = 0x40, 0x80  # flags, beside the room in bits 0 to 5
_STOP = re.compile(rb"U-Boot|Hit any key|\*\*\* Serial input (?:to|->) (?:Xen|DOM\d)|\(XEN\) Xen version")


class Kind(StrEnum):
    """What happened on the line."""

    LOST = "lost"
    """another session is on the line, or the far end forgot ours; the link is over"""
    CLOSED = "closed"
    """one of the two ends said good-bye; the link is over"""
    GONE = "gone"
    BACK = "back"
    """the far end is heard again; the session goes on where it was"""
    STOP = "stop"
    """words after which the laptop must not write: flush what the port still holds, up to 40 ms of it"""


@dataclass(frozen=True, slots=True)
class Event:
    """`detail`: the words, or the other session's number in hex."""

    kind: Kind
    detail: str = ""


class Link:
    """One end of a session. Keeps at most 64 KiB for each of sending, reading and foreign text, and some frames.

    `session`: a number of 32 bits that was used on this line for no other session. `laptop`: which end this is; the laptop
    is silent unless it hears the board. `line`: bytes/s of the wire (baud / 10), `rate`: what an earlier session learned.
    Nothing here raises on strange bytes.
    """

    def __init__(self, session: int, *, laptop: bool, line: float = 11520.0, rate: float | None = None) -> None:
        self.session, self.laptop = session, laptop
        self.heard_at: float | None = None
        """when the last valid frame of this session came"""
        self.over = False
        self._pace = linkflow.Pace(line, rate)
        self._sender, self._receiver = linkflow.Sender(self._pace), linkflow.Receiver()
        self._seeds = {ord("D"): session, ord("A"): 0, ord("B"): 0}
        self._tag = PROBE if laptop else EIGHT.tag
        self._came_clean, self._came_at = False, 0.0
        self._segment, self._tail, self._text = bytearray(), b"", bytearray()
        self._events: deque[Event] = deque(maxlen=64)
        self._pending = bytearray()
        self._ack_at, self._acked_at = 0.0, float("-inf")
        self._stopped = self._at_xen = self._gone = self._cut = False
        self._strange = self._stale = self._byes = 0

    @property
    def rate(self) -> float:
        """Bytes/s that this end found to arrive; worth remembering for the board."""
        return self._pace.rate

    @property
    def eight(self) -> bool:
        """Whether this end sends 8-bit letters: the laptop does once it knows that they arrive."""
        return self._tag == EIGHT.tag

    @property
    def waiting(self) -> int:
        """Bytes accepted and not yet acknowledged by the far end."""
        return self._sender.waiting

    def send(self, data: bytes) -> int:
        """Accept the first n of `data`, return n: fewer than all, even 0, while 64 KiB wait, and 0 once it is over."""
        count = 0 if self.over else max(0, min(len(data), linkflow.BUFFER - self.waiting))
        self._sender.backlog += data[:count]
        return count

    def read(self, limit: int = linkflow.BUFFER) -> bytes:
        """Take up to `limit` bytes that came, each once and in order; b"" when there are none now."""
        before, unread = self._receiver.room, self._receiver.unread
        data = bytes(unread[:limit])
        del unread[:limit]
        if before < linkflow.WINDOW // 2 <= self._receiver.room:
            self._ack_at = self._acked_at
        return data

    def events(self) -> list[Event]:
        """What happened since the last call, at most the last 64."""
        found = list(self._events)
        self._events.clear()
        return found

    def text(self) -> bytes:
        """Foreign text that came since the last call, its last 64 KiB: for the log."""
        found = bytes(self._text)
        self._text.clear()
        return found

    def resume(self) -> None:
        """The console's input is dom0's again, the caller saw to it: words that stopped the laptop no longer count."""
        self._stopped = self._at_xen = False

    def close(self) -> None:
        """Say good-bye with the next `poll`s; what was not acknowledged is dropped."""
        self._byes = self._byes or 3

    def receive(self, data: bytes, now: float) -> None:
        """`data` was read from the port, in pieces of any size; b"" is fine."""
        if data:
            self._came_at = now
        first, *more = data.split(bytes([linkcodec.MARK]))
        self._hear(first)
        for piece in more:
            self._finish(now)
            self._hear(piece)
        if len(self._segment) > _SEGMENT:
            self._drop()

    def poll(self, now: float) -> tuple[bytes, float]:
        """Bytes to write now, and when to call again, unless something is received, sent or read before."""
        if self.over:
            return b"", float("inf")
        if self.heard_at is not None and not self._gone and now - self.heard_at > GONE:
            self._gone = True
            self._events.append(Event(Kind.GONE))
        if self._segment and now - self._came_at > _PAUSE:
            self._drop()
        if self.laptop and not self._may(FRESH, now):
            self._pending.clear()
            self._cut = True
            return b"", now + BEACON
        out = bytearray()
        while (room := self._pace.room(now)) > 0:
            self._pending = self._pending or self._frame(now)
            if not self._pending:
                break
            out += self._pending[:room]
            self._pace.wrote(min(room, len(self._pending)), now)
            del self._pending[:room]
        return bytes(out), self._wake(now)

    def _may(self, within: float, now: float) -> bool:
        return self.heard_at is not None and now - self.heard_at < within and not (self._stopped or self._at_xen)

    def _wake(self, now: float) -> float:
        due = max(self._ack_at, now + 1e-3)
        if self._may(GONE, now):
            due = min(due, max(self._sender.wake(), now + 1e-3))
        # with room left there is nothing to send; without, the line may want more before that
        return self._pace.wake(now) if self._pending or not self._pace.room(now) else due

    def _frame(self, now: float) -> bytearray:
        if self.over:
            return bytearray()
        if self._byes:
            self._byes -= 1
            if not self._byes:
                self._end(Kind.CLOSED, "")
            return self._pack(_BYE.pack(b"B", self.session), 0)
        if now >= self._ack_at:
            return self._pack(self._state(now), 0)
        if not self._may(FRESH if self.laptop else GONE, now):
            self._cut = True
            return bytearray()
        if self._cut:
            self._cut = False
            self._sender.again()
        if self.laptop and self._tag != PROBE and now - self._sender.moved > GONE and self._sender.waiting:
            self._tag, self._sender.moved = PROBE, now  # heard, but nothing gets through: is this still the same line?
        if (due := self._sender.frame(now)) is None:
            return bytearray()
        wire, seq, payload = due
        packed = self._pack(_DATA.pack(b"D", wire, self._sender.number()) + payload, self.session)
        self._sender.sent(seq, len(packed), now)
        return packed

    def _pack(self, body: bytes, seed: int) -> bytearray:
        return bytearray(linkcodec.frame(body, seed, self._tag))

    def _state(self, now: float) -> bytes:
        self._acked_at, self._ack_at = now, now + (_ALIVE if self.laptop else BEACON)
        got = self._receiver
        flags = got.room | (0 if self.heard_at is None else _HEARD) | (_CLEAN if self._came_clean else 0)
        heard = 0 if got.heard is None else got.heard
        return _ACK.pack(b"A", self.session, got.next & 0xFFFF, got.bitmap, heard, flags)

    def _hear(self, piece: bytes) -> None:
        self._segment += piece
        if not self.laptop or not piece:
            return
        recent = self._tail + piece
        end = 0
        for found in _STOP.finditer(recent):
            end = found.end()
            words = found.group().decode()
            if "Serial input" in words:
                self._at_xen = not words.endswith("DOM0")
            self._stopped = self._stopped or not words.endswith("DOM0")
            if self._stopped:
                self._events.append(Event(Kind.STOP, words))
        self._tail = recent[max(end, len(recent) - 40) :]

    def _finish(self, now: float) -> None:
        if not self._segment or len(self._segment) > _SEGMENT:
            self._drop()
            return
        segment = bytes(self._segment)
        self._segment.clear()
        for kept, text in linkcodec.cuts(segment):
            if kept and (found := linkcodec.body(kept, self._seeds)) is not None:
                self._foreign(text)
                self._take(*found, now)
                return
        self._foreign(segment)

    def _drop(self) -> None:
        self._foreign(bytes(self._segment))
        self._segment.clear()

    def _foreign(self, data: bytes) -> None:
        self._text += linkcodec.text(data)
        del self._text[:-_TEXT]

    def _take(self, body: bytes, clean: bool, now: float) -> None:
        if body[0] == ord("D"):
            if len(body) > _DATA.size:
                self._valid(clean, now)
                _, seq, number = _DATA.unpack_from(body)
                asked = self._receiver.take(seq, number, body[_DATA.size :])
                self._ack_at = min(self._ack_at, self._acked_at + _ACK_GAP if asked else now)
        elif len(body) in (_ACK.size, _BYE.size) and int.from_bytes(body[1:5], "big") != self.session:
            self._strange += 1
            if self._strange >= 3:  # one may be left over from before
                self._end(Kind.LOST, body[1:5].hex())
        elif body[0] == ord("B"):
            self._end(Kind.CLOSED, "")
        elif len(body) == _ACK.size:
            self._valid(clean, now)
            self._acknowledged(body, now)

    def _acknowledged(self, body: bytes, now: float) -> None:
        _, _, following, bitmap, heard, flags = _ACK.unpack(body)
        if not self._sender.acknowledge(following, bitmap, heard if flags & _HEARD else None, flags & 0x3F, now):
            self._stale += 1
            if self._stale >= _STALE:
                self._end(Kind.LOST, "the far end forgot it")
            return
        self._stale = 0
        if self.laptop and flags & _HEARD and self._tag == PROBE:
            self._tag = EIGHT.tag if flags & _CLEAN else SEVEN.tag

    def _valid(self, clean: bool, now: float) -> None:
        if self.heard_at is None and self.laptop:
            self._ack_at = now  # the laptop's first words: a probe
        if self._gone:
            self._gone = False
            self._events.append(Event(Kind.BACK))
        self.heard_at, self._came_clean, self._strange = now, clean, 0
        self._stopped = False

    def _end(self, kind: Kind, detail: str) -> None:
        if not self.over:
            self.over = True
            self._events.append(Event(kind, detail))
