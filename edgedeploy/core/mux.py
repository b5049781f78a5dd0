"""Many commands over one ordered, reliable byte stream, without I/O: the same code on the laptop and on the board.

A message: kind:8 channel:16 size:16, big-endian, then `size` bytes. The first of each end is HELLO; then the laptop OPENs
channels, one for each command. Each end may send as many bytes of DATA as the other has granted (CREDIT), so a stream that
nobody reads stops itself and nothing else.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

VERSION = 1
"""of these messages, and of the link's frames below them: both ends must have the same"""
CHANNELS = 32
"""open at once, at most"""
ARGV = 0xFFFF
"""bytes of an argv and the NULs between its words, at most"""
TAIL = 64 * 1024
"""bytes of a command's stderr that are kept: what ports.wire.Stream.finish promises"""
_CHUNK = 2048  # of one stream in a row
_HEAD = struct.Struct(">BHH")
_HELLO = struct.Struct(">4sBI")
_MAGIC = b"edge"


class Garbage(ValueError):
    """What came is not a message, or not one that this end allows. The stream is over."""


class Kind(IntEnum):
    """Of a message."""

    HELLO = 1
    OPEN = 2
    """argv, its words separated by NUL (laptop)"""
    DATA = 3
    """of stdin (laptop), of stdout (board)"""
    EOF = 4
    """no more DATA"""
    CREDIT = 5
    """so many bytes more of DATA may come"""
    DROP = 6
    """no more DATA is wanted: what comes is thrown away"""
    CLOSE = 7
    """end the command (laptop)"""
    WORDS = 8
    """of stderr's tail (board)"""
    EXIT = 9
    """the status of a command that has ended; its stdout may go on (board)"""


_LAPTOPS = (Kind.OPEN, Kind.CLOSE)
_BOARDS = (Kind.WORDS, Kind.EXIT)
_SIZES = {Kind.EOF: 0, Kind.DROP: 0, Kind.CLOSE: 0, Kind.CREDIT: 4, Kind.EXIT: 1}


@dataclass(slots=True)
class _Channel:
    credit: int  # bytes that the far end takes
    room: int  # bytes that it may send
    out: bytearray = field(default_factory=bytearray)
    words: bytearray = field(default_factory=bytearray)
    owed: int = 0  # read here, and not granted yet
    status: int = -1  # to be sent
    eof: bool = False  # to be sent
    refused: bool = False  # the far end drops what we send
    dropped: bool = False  # we drop what it sends
    ended: bool = False  # no more DATA comes
    silent: bool = False  # the command's stdout has ended: that was sent, or came
    gone: bool = False  # and so has the command


class Mux:
    """One end. Keeps at most the granted bytes of each channel."""

    def __init__(self, *, laptop: bool, window: int) -> None:
        """`window`: bytes that each channel may have on the way to this end, 4 KiB to 1 MiB."""
        self.laptop = laptop
        self._window = min(max(window, 4096), 1 << 20)
        self._grant = 0  # the far end's window; 0 until its HELLO came
        self._channels: dict[int, _Channel] = {}
        self._turns: deque[int] = deque()
        self._last = 0
        self._in = bytearray()
        self._out = bytearray(_pack(Kind.HELLO, 0, _HELLO.pack(_MAGIC, VERSION, self._window)))

    def feed(self, data: bytes) -> list[tuple[Kind, int, bytes]]:
        """Bytes that came; returns what the caller must know: OPEN DATA EOF DROP CLOSE WORDS EXIT. Raises Garbage."""
        self._in += data
        found: list[tuple[Kind, int, bytes]] = []
        at = 0
        while len(self._in) - at >= _HEAD.size:
            number, channel, size = _HEAD.unpack_from(self._in, at)
            kind = self._kind(number, size)
            end = at + _HEAD.size + size
            if len(self._in) < end:
                break
            payload = bytes(self._in[at + _HEAD.size : end])
            at = end
            if self._take(kind, channel, payload):
                found.append((kind, channel, payload))
        del self._in[:at]
        return found

    def _kind(self, number: int, size: int) -> Kind:
        if not self._grant and number != Kind.HELLO:
            raise Garbage("no greeting came first")
        try:
            kind = Kind(number)
        except ValueError:
            raise Garbage(f"a message of kind {number}") from None
        if kind in (_LAPTOPS if self.laptop else _BOARDS) or size != _SIZES.get(kind, size):
            raise Garbage(f"{kind.name} of {size} bytes")
        return kind

    def _take(self, kind: Kind, channel: int, payload: bytes) -> bool:
        if kind is Kind.HELLO:
            self._greeted(payload)
            return False
        if kind is Kind.OPEN:
            if channel <= self._last or len(self._channels) >= CHANNELS:
                raise Garbage(f"channel {channel} cannot be opened")
            self._last = channel
            self._add(channel)
            return True
        if (one := self._channels.get(channel)) is None:
            if channel > self._last:
                raise Garbage(f"channel {channel} was never opened")
            return False  # it has ended here, and the far end does not know yet
        wanted = _TAKES.get(kind, _always)(one, payload)
        one.silent |= self.laptop and one.ended
        if kind is Kind.CLOSE:
            self._forget(channel)
        else:
            self._over(channel, one)
        return wanted

    def _greeted(self, payload: bytes) -> None:
        if self._grant or len(payload) != _HELLO.size:
            raise Garbage("a greeting that is none")
        magic, version, window = _HELLO.unpack(payload)
        if magic != _MAGIC or version != VERSION or not 4096 <= window <= 1 << 20:
            raise Garbage(f"it speaks version {version}, this is {VERSION}")
        self._grant = window
        for one in self._channels.values():  # opened before the greeting came
            one.credit += window

    def _add(self, channel: int) -> None:
        self._channels[channel] = _Channel(self._grant, self._window)
        self._turns.append(channel)

    def _forget(self, channel: int) -> None:
        del self._channels[channel]
        self._turns.remove(channel)

    def _over(self, channel: int, one: _Channel) -> None:
        """Forget a channel whose command has ended, and its stdout too."""
        if one.gone and one.silent:
            self._forget(channel)

    def take(self, limit: int) -> bytes:
        """Up to `limit` bytes to send; b"" when there is nothing to say."""
        out = bytearray()
        while len(out) < limit and (self._out or self._next()):
            count = limit - len(out)
            out += self._out[:count]
            del self._out[:count]
        return bytes(out)

    def _next(self) -> bool:
        for _ in range(len(self._turns)):
            channel = self._turns[0]
            self._turns.rotate(-1)
            if message := self._message(channel, self._channels[channel]):
                self._out += message
                return True
        return False

    def _message(self, channel: int, one: _Channel) -> bytes:
        if one.words:
            words = bytes(one.words[:_CHUNK])
            del one.words[:_CHUNK]
            return _pack(Kind.WORDS, channel, words)
        if one.status >= 0:
            status, one.status, one.gone = one.status, -1, True
            self._over(channel, one)
            return _pack(Kind.EXIT, channel, bytes([status]))
        if one.out:
            data = bytes(one.out[:_CHUNK])
            del one.out[:_CHUNK]
            one.credit -= len(data)
            return _pack(Kind.DATA, channel, data)
        if one.eof:
            one.eof = False
            if not self.laptop:
                one.silent = True
                self._over(channel, one)
            return _pack(Kind.EOF, channel, b"")
        return b""

    @property
    def full(self) -> bool:
        """Whether no further channel can be opened now, or ever."""
        return len(self._channels) >= CHANNELS or self._last == 0xFFFF

    def open(self, argv: bytes) -> int:
        """The laptop: start a command (words joined by NUL, at most ARGV bytes); returns its channel. Not when `full`."""
        self._last += 1
        self._add(self._last)
        self._out += _pack(Kind.OPEN, self._last, argv)
        return self._last

    def room(self, channel: int) -> int:
        """How many bytes `write` would accept now; 0 too where the far end wants no more."""
        one = self._channels.get(channel)
        return max(0, one.credit - len(one.out)) if one and not one.refused else 0

    def write(self, channel: int, data: bytes) -> int:
        """Accept the first n bytes of `data` for the far end, return n."""
        count = min(len(data), self.room(channel))
        if count:
            self._channels[channel].out += data[:count]
        return count

    def used(self, channel: int, count: int) -> None:
        """`count` bytes of DATA went on to who wanted them: as many may come again."""
        one = self._channels.get(channel)
        if one is None or one.dropped or one.ended:
            return
        one.owed += count
        if one.owed >= self._window // 4:
            one.room += one.owed
            self._out += _pack(Kind.CREDIT, channel, one.owed.to_bytes(4, "big"))
            one.owed = 0

    def eof(self, channel: int) -> None:
        """No more is written to the channel."""
        if one := self._channels.get(channel):
            one.eof = True

    def drop(self, channel: int) -> None:
        """What still comes on the channel is not wanted."""
        one = self._channels.get(channel)
        if one and not one.dropped:
            one.dropped = True
            self._out += _pack(Kind.DROP, channel, b"")

    def exit(self, channel: int, status: int, words: bytes) -> None:
        """The board: the command has ended, and these are stderr's last words."""
        if one := self._channels.get(channel):
            one.words += words[-TAIL:]
            one.status = status & 0xFF

    def close(self, channel: int) -> None:
        """The laptop: end the command and forget it."""
        if channel in self._channels:
            self._forget(channel)
            self._out += _pack(Kind.CLOSE, channel, b"")


def _pack(kind: Kind, channel: int, payload: bytes) -> bytes:
    return _HEAD.pack(kind, channel, len(payload)) + payload


def _always(_one: _Channel, _payload: bytes) -> bool:
    return True


def _data(one: _Channel, payload: bytes) -> bool:
    if len(payload) > one.room or one.ended:
        raise Garbage(f"{len(payload)} bytes where {one.room} may come")
    one.room -= len(payload)
    return not one.dropped


def _credit(one: _Channel, payload: bytes) -> bool:
    one.credit += int.from_bytes(payload, "big")
    if one.credit > 1 << 21:
        raise Garbage("more credit than any window")
    return False


def _eof(one: _Channel, _payload: bytes) -> bool:
    one.ended = True
    return True


def _drop(one: _Channel, _payload: bytes) -> bool:
    one.refused = True
    one.out.clear()
    return True


def _exit(one: _Channel, _payload: bytes) -> bool:
    one.gone = True
    return True


_TAKES = {Kind.DATA: _data, Kind.CREDIT: _credit, Kind.EOF: _eof, Kind.DROP: _drop, Kind.EXIT: _exit}
