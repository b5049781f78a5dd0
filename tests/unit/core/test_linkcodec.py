"""The link's bytes: what may be on the wire, and frames with foreign text inside."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgedeploy.core import linkcodec
from edgedeploy.core.linkcodec import EIGHT, FORBIDDEN, MARK, PROBE, SEVEN, Codec
from tests.fuzz.target import timed

SEEDS = {ord("D"): 77, ord("A"): 0}
TAGS = (SEVEN.tag, EIGHT.tag, PROBE)
codecs = pytest.mark.parametrize("codec", [SEVEN, EIGHT], ids=["seven", "eight"])
logs = st.sampled_from(
    [
        b"[   12.345678] xenbr0: port 2(vif3.0) entered forwarding state\r\r\n",
        b"(XEN) d3v0: vGICD: unhandled word write 0xffffffff to ICACTIVER4\r\n",
        b"<4>something raw\r\n",
        b"no head at all\n",
    ]
)


def test_the_alphabets_hold_what_they_must() -> None:
    assert len(SEVEN.letters) == 116
    assert len(EIGHT.letters) == 244
    assert 2**48 <= 116**7
    assert 115**7 < 2**48
    for codec in (SEVEN, EIGHT):
        for rest in range(1, codec.size + 1):
            assert 256**rest <= len(codec.letters) ** (rest + 1)


def test_nothing_special_is_a_letter() -> None:
    special = {0x00, 0x01, 0x03, 0x04, 0x0A, 0x0D, 0x0F, 0x11, 0x13, 0x1A, 0x1C, 0x1E}
    assert special == {*FORBIDDEN, MARK}
    assert not special & {*SEVEN.letters, *EIGHT.letters}
    assert max(SEVEN.letters) < 0x80
    # a probe meets lines that mask bit 7: what is left must be harmless as well
    assert not special & {byte & 0x7F for byte in linkcodec.frame(bytes(range(256)), 0, PROBE)[1:-1]}


@codecs
@given(data=st.binary(max_size=400))
@example(data=b"\xff" * 115)
@example(data=b"")
def test_bytes_come_back(codec: Codec, data: bytes) -> None:
    letters = codec.encode(data)
    assert len(letters) == len(data) + -(-len(data) // codec.size)
    assert set(letters) <= set(codec.letters)
    assert codec.decode(letters) == data


@codecs
@given(letters=st.binary(max_size=300))
def test_strange_letters_are_refused_or_mean_one_thing(codec: Codec, letters: bytes) -> None:
    if (plain := codec.decode(letters)) is not None:
        assert codec.encode(plain) == letters


@given(data=st.binary(min_size=1, max_size=300), tag=st.sampled_from(TAGS), seed=st.integers(0, 2**32 - 1))
def test_a_frame_is_taken_by_its_own_session_only(data: bytes, tag: bytes, seed: int) -> None:
    body = b"D" + data
    framed = linkcodec.frame(body, seed, tag)
    assert framed[0] == framed[-1] == MARK
    assert linkcodec.body(framed[1:-1], {ord("D"): seed}) == (body, tag != SEVEN.tag)
    assert linkcodec.body(framed[1:-1], {ord("D"): seed ^ 1}) is None


@given(data=st.binary(min_size=1, max_size=300))
def test_a_probe_says_which_line_it_came_over(data: bytes) -> None:
    framed = linkcodec.frame(b"D" + data, 77, PROBE)
    masked = bytes(byte & 0x7F for byte in framed)
    assert linkcodec.body(framed[1:-1], SEEDS) == (b"D" + data, True)
    assert linkcodec.body(masked[1:-1], SEEDS) == (b"D" + data, False)


@given(
    data=st.binary(min_size=40, max_size=1400),
    tag=st.sampled_from([SEVEN.tag, EIGHT.tag]),
    lines=st.lists(logs, min_size=1, max_size=4),
    where=st.floats(0, 1),
)
def test_log_lines_are_cut_out_of_a_frame(data: bytes, tag: bytes, lines: list[bytes], where: float) -> None:
    segment = linkcodec.frame(b"D" + data, 77, tag)[1:-1]
    at, text = int(where * len(segment)), b"".join(lines)
    broken = segment[:at] + text + segment[at:]
    found = [
        (body, cut) for kept, cut in linkcodec.cuts(broken) if (body := linkcodec.body(kept, SEEDS)) is not None
    ]
    # in 7-bit letters most of a frame is printable: that some text is not found costs a resend, no more
    if not found:
        assert tag == SEVEN.tag
        start = len(broken[:at].rstrip(bytes((9, 10, 13, *range(32, 127)))))
        assert at - start >= 64
        return
    body, cut = found[0]
    assert body == (b"D" + data, tag == EIGHT.tag)
    assert len(cut) == len(text)


def test_text_in_two_places_is_cut_out_of_an_8_bit_frame() -> None:
    segment = linkcodec.frame(b"D" + bytes(range(256)) * 5, 77, EIGHT.tag)[1:-1]
    one, other = b"[    1.000000] one\r\r\n", b"(XEN) other\r\n"
    broken = segment[:300] + one + segment[300:900] + other + segment[900:]
    found = [cut for kept, cut in linkcodec.cuts(broken) if linkcodec.body(kept, SEEDS)]
    assert found[0] == one + other


@given(segment=st.binary(max_size=3000) | st.text(alphabet="\n\r ab[(<7", max_size=3000).map(str.encode))
def test_garbage_is_no_frame_and_takes_no_time(segment: bytes) -> None:
    @timed
    def tried(segment: bytes) -> int:
        tries = 0
        for kept, text in linkcodec.cuts(segment):
            tries += 1
            assert len(kept) + len(text) == len(segment)
            assert linkcodec.body(kept, SEEDS) is None
        return tries

    assert tried(segment) <= linkcodec.MAX_TRIES


def test_what_a_person_reads_is_kept_and_noise_is_not() -> None:
    assert linkcodec.text(b"login: ") == b"login: "
    noise = bytes(range(128, 256)) * 3
    assert linkcodec.text(noise + b"Kernel panic - not syncing\r\n" + noise) == b"Kernel panic - not syncing\r\n"
    assert linkcodec.text(noise) == b""
