"""The link's bytes: frames as letters that no tty, hvc or Xen treats specially, and frames found again amid foreign text.

A frame is MARK tag letters MARK. Letters carry bytes by change of base: k bytes as one number, written with k + 1 digits.
That costs the same for every content, so no whitening is needed, and less than escapes would (1 in 115, not 1 in 20).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import islice, product

MARK = 0x1E
"""begins and ends a frame; Ctrl-^ means nothing to a tty, readline or Xen"""
FORBIDDEN = bytes((0x00, 0x01, 0x03, 0x04, 0x0A, 0x0D, 0x0F, 0x11, 0x13, 0x1A, 0x1C))
"""never sent, either way. 00: ends a chunk in Xen before 4.13; 01: three switch Xen's input; 03 1A 1C: signals and 04: end
of file, should the tty fall back to cooked; 0A 0D: would run a line in a shell (and Xen doubles 0A); 0F: SysRq on hvc;
11 13: flow control"""
LARGEST = 1700
"""bytes between two MARKs of a frame, at most"""
MAX_TRIES = 200
_TEXT = bytes((9, 10, 13, *range(32, 127)))
_SPOKEN = re.compile(rb"[\t\r\n -~]{8,}")  # a broken 8-bit frame has no such run, but once in 2,000
_LOG = re.compile(rb"\(XEN\)|\[ *\d+\.\d|<\d")  # how Xen's, the kernel's and raw printk lines begin


class Codec:
    """Bytes as letters and back: `size` bytes make `size + 1` letters, also for a shorter rest.

    `piece` digits at a time are split off the large number of a block: its divisions are what costs.
    """

    def __init__(self, tag: bytes, size: int, values: int, piece: int) -> None:
        letters = bytes(b for b in range(values) if b not in FORBIDDEN and b != MARK)
        self.tag, self.letters, self.size, self.piece = tag, letters, size, piece
        self._spell = letters.ljust(256, b"\0")
        digits = bytearray(b"\xff" * 256)  # 255 is no digit: both alphabets are smaller
        for digit, letter in enumerate(letters):
            digits[letter] = digit
        self._digits = bytes(digits)

    def encode(self, plain: bytes) -> bytes:
        """Letters for `plain`."""
        base, large = len(self.letters), len(self.letters) ** self.piece
        pieces = []
        for start in range(0, len(plain), self.size):
            number = int.from_bytes(plain[start : start + self.size], "big")
            for _ in range(-(-(min(len(plain) - start, self.size) + 1) // self.piece)):
                number, low = divmod(number, large)
                pieces.append(low)
        out = bytearray(len(pieces) * self.piece)
        for column in range(self.piece):
            out[column :: self.piece] = bytes([low % base for low in pieces])
            pieces = [low // base for low in pieces]
        return bytes(out[: len(plain) - (-len(plain) // self.size)]).translate(self._spell)

    def decode(self, letters: bytes) -> bytes | None:
        """What `encode` was given; None for letters it cannot have made."""
        digits = letters.translate(self._digits)
        if 0xFF in digits or len(digits) % (self.size + 1) == 1:
            return None
        base, large = len(self.letters), len(self.letters) ** self.piece
        digits += bytes(-len(digits) % self.piece)
        pieces = [0] * (len(digits) // self.piece)
        for column in reversed(range(self.piece)):
            pieces = [low * base + digit for low, digit in zip(pieces, digits[column :: self.piece], strict=True)]
        out = bytearray()
        whole = (self.size + 1) // self.piece
        for at, start in enumerate(range(0, len(letters), self.size + 1)):
            number = 0
            for low in pieces[at * whole : (at + 1) * whole][::-1]:
                number = number * large + low
            size = min(self.size, len(letters) - start - 1)
            if number >> 8 * size:
                return None
            out += number.to_bytes(size, "big")
        return bytes(out)


SEVEN = Codec(b"7", 6, 128, 7)
"""for a line that loses bit 7 (Xen's input): 2**48 <= 116**7, 85.7 %. All 116 letters are needed: 115**7 is too little"""
EIGHT = Codec(b"8", 114, 256, 5)
"""for an 8-bit line: 2**912 <= 244**115, 99.1 %"""
_HIGH = bytes(b | 0x80 for b in range(256))
_LOW = bytes(b & 0x7F for b in range(256))
PROBE = b"\xb7"
"""tag of a frame in SEVEN with bit 7 set in each letter: it arrives either way, and how it arrives tells which line this is"""


def frame(body: bytes, seed: int, tag: bytes) -> bytes:
    """One frame: `body` and its CRC-32, which starts at `seed`, in the codec of `tag` (that of SEVEN, EIGHT or PROBE)."""
    plain = body + zlib.crc32(body, seed).to_bytes(4, "big")
    letters = (EIGHT if tag == EIGHT.tag else SEVEN).encode(plain)
    return b"\x1e%b%b\x1e" % (tag, letters.translate(_HIGH) if tag == PROBE else letters)


def body(segment: bytes, seeds: dict[int, int]) -> tuple[bytes, bool] | None:
    """Body of the frame between two MARKs, and whether its bits 7 arrived; None when it is none.

    `seeds`: for each first byte of a body the seed of its CRC.
    """
    tag, letters = segment[:1], segment[1:]
    if len(segment) > LARGEST:
        return None
    if tag == PROBE and letters and min(letters) >= 0x80:
        plain = SEVEN.decode(letters.translate(_LOW))
    elif tag in (SEVEN.tag, EIGHT.tag):
        plain = (SEVEN if tag == SEVEN.tag else EIGHT).decode(letters)
    else:
        return None
    if plain is None or len(plain) < 5 or plain[0] not in seeds:
        return None
    if zlib.crc32(plain[:-4], seeds[plain[0]]) != int.from_bytes(plain[-4:], "big"):
        return None
    return plain[:-4], tag != SEVEN.tag


def cuts(segment: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`segment` less the foreign text in it, and that text: one pair for each place where the text may begin, at most 200.

    No frame has a LF, so what ends in one is foreign: a log line that cut in. Its end is certain; it begins somewhere in
    the run of printable bytes before, most likely where something looks like the head of a log line.
    """
    if b"\n" not in segment:
        yield segment, b""
        return
    runs: list[list[tuple[int, int]]] = []
    end = segment.rfind(b"\n") + 1
    while end and len(runs) < 8:
        first = len(segment[:end].rstrip(_TEXT))
        starts = range(first, min(end, first + 64))
        found = _LOG.search(segment, first, end)
        likely = [found.start()] if found else []
        runs.insert(0, [(start, end) for start in (*likely, *starts)])
        end = segment.rfind(b"\n", 0, first) + 1
    for chosen in islice(product(*runs), MAX_TRIES):
        kept, text, done = b"", b"", 0
        for start, stop in chosen:
            kept, text, done = kept + segment[done:start], text + segment[start:stop], stop
        yield kept + segment[done:], text


def text(segment: bytes) -> bytes:
    """What of a segment that is no frame may be text."""
    return segment if not segment.strip(_TEXT) else b"".join(_SPOKEN.findall(segment))
