"""Targets that read the conversation between laptop and board, from either end."""

from __future__ import annotations

import json
from random import Random

from edgedeploy.core import board, errors, frames, greeting, messages
from edgedeploy.core.names import AppName, CommitId
from tests.fuzz.target import Shape, Target, ensure, ours

_HEX = "a" * 40
SAMPLES = (
    messages.Hello(), messages.Put("a" * 64, 7), messages.Have(0), messages.Chunk(), messages.Stored(),
    messages.Stage("decks", _HEX, ""), messages.Staged("r1", "u", True), messages.Activate(AppName("decks"), CommitId(_HEX), "x"),
    messages.Rollback("decks", "r1", "anna"), messages.Event("swap", "starting"), messages.LogLines([{"a": 1}]), messages.Status(),
    messages.Failed(22, "m", "h", ["d"]), messages.Outcome("live", "r", "r", "u", "", 5, True, {"/": "x"}, []),
    messages.Welcome("00112233aabbccdd", "stage", "rpi4", "0" * 64, {"machine": "armv7l"}, {}), messages.Log("decks", 3),
    messages.BoardStatus({"a": 1}, {}),
)  # fmt: skip


def _read(data: bytes, step: int, *, laptop: bool) -> tuple[list[frames.Frame], bool]:
    """The frames of `data` when it comes in pieces of `step` bytes, and whether it ended in a refusal."""
    decoder, found = frames.Decoder(expect_banner=laptop), []
    for at in range(0, len(data), step):
        try:
            found += decoder.feed(data[at : at + step])
        except errors.ProtocolMismatch as error:
            ours(error, errors.ProtocolMismatch)
            return found, True
    return found, False


def _conversation(data: bytes, *, laptop: bool) -> None:
    step, stream = data[0] % 61 + 1 if data else 1, data[1:]
    found, refused = _read(stream, step, laptop=laptop)
    at_once, refused_at_once = _read(stream, len(stream) or 1, laptop=laptop)
    ensure(refused == refused_at_once, "how the bytes are cut decides whether they are refused")
    ensure(refused or _same(found, at_once), found, at_once)
    ensure(refused or laptop or not _waits_for_too_much(stream), "waits for a frame that is larger than allowed")
    for frame in found:
        ensure(len(frame.body) <= len(stream), "a body out of nowhere")
        _message(frame)


def _waits_for_too_much(stream: bytes) -> bool:
    """Whether a length in the stream is over its bound; a reader that waits for so much can be made to run out of memory."""
    at = 0
    while at + 8 <= len(stream):
        head, body = int.from_bytes(stream[at : at + 4], "big"), int.from_bytes(stream[at + 4 : at + 8], "big")
        if head > frames.MAX_HEAD or body > frames.MAX_BODY:
            return True
        at += 8 + head + body
    return False


def _message(frame: frames.Frame) -> None:
    try:
        message = messages.from_frame(frame)
    except errors.ProtocolMismatch as error:
        return ours(error, errors.ProtocolMismatch)
    (again,) = frames.Decoder().feed(frames.encode(messages.to_frame(message, frame.body)))
    ensure(_same([again], [messages.to_frame(message, frame.body)]), message)
    if isinstance(message, messages.Failed):
        ensure(isinstance(message.to_error(), errors.EdgeError), message)
    if isinstance(message, messages.Welcome):
        try:
            board.assumed(board.BoardFacts.from_plain(message.facts))
        except errors.ProtocolMismatch as error:
            ours(error, errors.ProtocolMismatch)
    return None


def _same(one: list[frames.Frame], other: list[frames.Frame]) -> bool:
    """Equal, and NaN equal to itself."""

    def key(frame: frames.Frame) -> tuple[str, bytes]:
        return json.dumps(frame.head, sort_keys=True), frame.body

    return [key(frame) for frame in one] == [key(frame) for frame in other]


def board_side(data: bytes) -> None:
    """What the agent reads: frames at once, no greeting."""
    _conversation(data, laptop=False)


def laptop_side(data: bytes) -> None:
    """What the laptop reads: a login's chatter, the greeting, frames."""
    _conversation(data, laptop=True)


def _seeds(preface: bytes) -> list[bytes]:
    return [b"\x07" + preface + frames.encode(messages.to_frame(one, b"body")) * 2 for one in SAMPLES]


_WORDS = (
    greeting.BANNER, greeting.banner(), greeting.banner(2), *(b'"%s":' % word.encode() for word in ("kind", "app", "commit", "code")),
    *(b'"%s"' % kind.encode() for kind in messages.KINDS), b"NaN", b"1e999", b'"\\ud800"', b"\0\0\0\0", b"\0\4\0\0",
)  # fmt: skip


def _lengths(preface: bytes) -> Shape:
    """Right lengths before whatever the head has become, in most cases."""

    def shaped(data: bytearray, rng: Random) -> bytes:
        start, end = data.find(b"{"), data.rfind(b"}") + 1
        if rng.random() < 0.3 or start < 0 or end <= start:
            return bytes(data)
        body = data[end : end + rng.choice((0, 0, 5))]
        lengths = (end - start).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        return bytes(data[:1]) + preface + lengths + bytes(data[start:end] + body)

    return shaped


_GREETING = b"Last login: today\r\n" + greeting.banner()
TARGETS = (
    Target("frames-board", board_side, lambda: _seeds(b""), _WORDS, _lengths(b"")),
    Target("frames-laptop", laptop_side, lambda: _seeds(_GREETING), _WORDS, _lengths(_GREETING)),
)
