"""What may reach a person's terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.ports.screen import Screen

# an independent list of all that may come out, token by token
_ALLOWED = re.compile(
    r"""
      [^\x00-\x06\x10-\x1f\x7f-\x9f]                       # text and the controls that move
    | \x1b[78DEHM=>] | \x1b[()][0AB]                        # cursor, keypad, line drawing
    | \x1b\[[\d;:]*m                                        # colours
    | \x1b\[(\d*(;\d*)?)[ABCDEFGHIZ@JKLMPSTXabdefgr`]       # cursor, erase, insert, delete, scroll, region
    | \x1b\[[su] | \x1b\[\?[0-2]?[JK] | \x1b\[!p
    | \x1b\[4[hl] | \x1b\[\?(1|7|12|25|47|1047|1049|2004)[hl]
    """,
    re.VERBOSE,
)


def only_allowed(shown: bytes) -> bool:
    text, at = shown.decode(), 0
    while at < len(text):
        match = _ALLOWED.match(text, at)
        if not match or match.end() == at:
            return False
        at = match.end()
    return True


_PIECES = st.one_of(
    st.binary(max_size=6),
    st.text(max_size=6).map(str.encode),
    st.sampled_from([b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX", b"\x9b", b"\x9d",
                     b"\xc2\x9b", b"\xc2", b"\x1b\\", b"\a",
                     b"?", b"1049", b";", b"0", b"h", b"l", b"m", b"n", b"c", b"r", b"(", b"\x05", b"\x18", b"\x7f", b"\n",
                     b"31", b"$", b" q"]),
)  # fmt: skip


@given(st.lists(_PIECES, max_size=60))
def test_nothing_else_ever_comes_out_and_pieces_do_not_matter(pieces: list[bytes]) -> None:
    whole, pieced, single = Screen(), Screen(), Screen()
    data = b"".join(pieces)
    shown = whole.feed(data)
    assert only_allowed(shown), shown
    assert b"".join(map(pieced.feed, pieces)) == shown
    assert b"".join(single.feed(data[i : i + 1]) for i in range(len(data))) == shown
    assert whole.reset() == pieced.reset() == single.reset()


@given(st.lists(_PIECES, max_size=60))
def test_what_puts_the_terminal_back_is_allowed_too_and_leaves_nothing_to_put_back(pieces: list[bytes]) -> None:
    screen = Screen()
    screen.feed(b"".join(pieces))
    words = screen.reset()
    assert only_allowed(words), words
    assert screen.reset() == b""
    # a screen that is told its own words is as before: no mode stays
    other = Screen()
    other.feed(b"".join(pieces) + b"\x18" + words)
    assert not re.search(rb"\x1b\[(4|\?\d+)[hl]", other.reset())


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])))
def test_text_comes_through_as_it_is(text: str) -> None:
    assert Screen().feed(text.encode()).decode() == text


@pytest.mark.parametrize(
    "data",
    [
        b"a\tb\b\r\n\a\v\f", b"\x1b[0;1;38;5;196;48;2;1;2;3m", b"\x1b[4:3m", b"\x1b[m", b"\x1b[2J\x1b[H\x1b[K", b"\x1b[12;40H",
        b"\x1b[3A",
        b"\x1b[?1049h", b"\x1b[?25l", b"\x1b[1;24r", b"\x1b7\x1b8\x1bM", b"\x1b(0lqqk\x1b(B",
        b"\x0e\x0f", b"\x1b[2L\x1b[P\x1b[5@", b"\x1b[!p",
    ],
)  # fmt: skip
def test_what_a_full_screen_program_needs_comes_through(data: bytes) -> None:
    assert Screen().feed(data) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b]0;title\a", b"\x1b]52;c;cm0gLXJm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1b_Gq\x1b\\",
        b"\x1b^x\x1b\\", b"\x1bXx\x1b\\",
        b"\x1b[c", b"\x1b[>c", b"\x1b[0c", b"\x1b[6n", b"\x1b[?6n", b"\x1bZ", b"\x05",
        b"\x1b[21t", b"\x1b[>q", b"\x1b[x", b"\x1b[?1000h",
        b"\x1b[?1003;1006h", b"\x1b[?1004h", b"\x1b[?2004$p", b"\x1b[>4;2m", b"\x1b[5i", b"\x1bc", b"\x1b[20h",
        b"\x1b[?u", b"\x1b[1;2;3;4;5T",
        b"\xc2\x9b", b"\xc2\x9d", b"\x00\x7f", b"\x1b#8", b"\x1b%G", b"\x1b F", b"\x1b[" + b"1" * 200 + b"m",
    ],
)  # fmt: skip
def test_what_answers_or_reaches_further_is_dropped(data: bytes) -> None:
    screen = Screen()
    assert screen.feed(data) == b""
    assert screen.feed(b"on\n") == b"on\n", "and nothing after it is lost"


def test_bytes_that_are_no_text_become_a_sign_and_no_control() -> None:
    assert Screen().feed(b"\x9b31m \xff\xe9 ok").decode() == "�31m �� ok"


def test_a_string_that_nobody_ends_swallows_a_line_or_4_kib_only() -> None:
    assert Screen().feed(b"\x1b]0;noise\nlogin: ") == b"\nlogin: "
    assert Screen().feed(b"\x1bP" + b"x" * 5000).count(b"x") == 5000 - 4097


def test_a_control_inside_a_sequence_works_and_can_ends_it() -> None:
    assert Screen().feed(b"\x1b[3\r1mred") == b"\r\x1b[31mred"
    assert Screen().feed(b"\x1b[3\x181m") == b"1m"


def test_only_what_was_changed_is_put_back() -> None:
    screen = Screen()
    screen.feed(b"plain text")
    assert screen.reset() == b""
    screen.feed(b"\x1b[?1049h\x1b[?25l\x1b[31m\x1b[2;10r\x1b=\x1b(0\x0e\x1b[?2004h\x1b[?2004l")
    words = screen.reset()
    assert words.endswith(b"\x1b[?1049l"), "the other screen is left last"
    for word in (b"\x1b[?25h", b"\x1b[m", b"\x1b7\x1b[r\x1b8", b"\x1b>", b"\x1b(B", b"\x0f"):
        assert word in words
    assert b"2004" not in words
