"""Framing and messages: split anywhere, preceded by anything, never parsed by luck."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import errors, frames, greeting, messages
from edgedeploy.core.names import AppName, CommitId

ASK = messages.Activate(AppName("decks"), CommitId("a" * 40), "anna@laptop")
WIRE = b"Last login: today\r\n" + greeting.banner() + frames.encode(messages.to_frame(ASK)) * 2


@given(st.lists(st.integers(0, len(WIRE)), max_size=20))
def test_frames_may_be_split_anywhere(cuts: list[int]) -> None:
    decoder = frames.Decoder(expect_banner=True)
    edges = [0, *sorted(cuts), len(WIRE)]
    found = [frame for a, b in zip(edges, edges[1:], strict=False) for frame in decoder.feed(WIRE[a:b])]
    assert [messages.from_frame(frame) for frame in found] == [ASK, ASK]
    assert b"Last login" in decoder.preface


@given(st.binary(max_size=300))
def test_garbage_is_an_error_of_ours_or_no_frame_yet(data: bytes) -> None:
    try:
        for frame in frames.Decoder().feed(data):
            messages.from_frame(frame)
    except errors.ProtocolMismatch:
        pass


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=5),
    st.sampled_from(sorted(messages.KINDS)),
    st.sampled_from(["app", "commit", "size", "apps", "records"]),
)
def test_a_message_with_a_wrong_field_is_refused(value: object, kind: str, key: str) -> None:
    try:
        messages.from_frame(frames.Frame({"kind": kind, key: value}))
    except errors.ProtocolMismatch:
        pass


def test_every_message_survives_the_wire() -> None:
    for message in (
        messages.Hello(), messages.Put("a" * 64, 7), messages.Have(0), messages.Chunk(), messages.Stored(),
        messages.Stage("decks", "a" * 40, ""), messages.Staged("r1", "u", True), ASK,
        messages.Rollback("decks", "r1", "anna"), messages.Event("swap", "starting"), messages.LogLines([{"a": 1}]),
        messages.Failed(22, "m", "h", ["d"]), messages.Outcome("live", "r", "r", "u", "", 5, True, {"/": "x"}, []),
    ):  # fmt: skip
        (frame,) = frames.Decoder().feed(frames.encode(messages.to_frame(message, b"body")))
        assert (messages.from_frame(frame), frame.body) == (message, b"body")


def test_an_agent_of_another_protocol_is_named() -> None:
    with pytest.raises(errors.ProtocolMismatch, match="speaks protocol b'99'"):
        frames.Decoder(expect_banner=True).feed(greeting.banner(99))


def test_a_shell_that_only_talks_is_not_waited_for_for_ever() -> None:
    with pytest.raises(errors.ProtocolMismatch, match="no agent greeting"):
        frames.Decoder(expect_banner=True).feed(b"x" * (frames.MAX_PREFACE + 1))


def test_names_in_messages_pass_their_gate() -> None:
    for app in ("../../etc", "a b", "", "UPPER", 7):
        with pytest.raises(errors.ProtocolMismatch):
            messages.from_frame(frames.Frame({"kind": "log", "app": app, "count": 1}))


def test_a_failure_finds_its_class_again_by_exit_code() -> None:
    for cls in errors.leaves():
        if cls not in (errors.EdgeError,):
            error = messages.Failed(cls.exit_code, "m", "h", ["d"]).to_error()
            assert (error.exit_code, error.message, error.details) == (cls.exit_code, "m", ("d",))
