"""When a session over the cable is over: every verdict, and what must not be one."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors
from edgedeploy.core.link import Event, Kind
from edgedeploy.wires.serial.watch import Watch

XEN = Event(Kind.STOP, "*** Serial input to Xen")
DOM0 = Event(Kind.STOP, "*** Serial input to DOM0")
UBOOT = Event(Kind.STOP, "U-Boot")


@pytest.fixture
def watch() -> Watch:
    return Watch("/dev/ttyUSB0", 0.0)


def over(watch: Watch, now: float, heard_at: float | None) -> str:
    with pytest.raises(errors.Unreachable) as caught:
        watch.step(now, heard_at)
    assert caught.value.exit_code == 11
    assert caught.value.hint
    return caught.value.message


def test_nothing_is_typed_and_nothing_over_while_frames_come(watch):
    assert [watch.step(now, now) for now in range(300)] == [b""] * 300


@pytest.mark.parametrize(
    ("kind", "words"), [(Kind.CLOSED, "the board has ended the session"), (Kind.LOST, "another session")]
)
def test_the_link_says_that_it_is_over(watch, kind, words):
    watch.happened(Event(kind), 1.0)
    assert over(watch, 1.0, 1.0).startswith(f"lost contact over /dev/ttyUSB0: {words}")


def test_a_restart_is_believed_when_no_frame_follows(watch):
    watch.happened(UBOOT, 10.0)
    assert watch.step(12.9, 9.9) == b""
    assert "the board has restarted" in over(watch, 13.0, 9.9)


def test_words_that_were_only_words(watch):
    watch.happened(UBOOT, 10.0)
    assert watch.step(10.5, 10.4) == b""
    assert watch.step(30.0, 29.9) == b""


def test_xen_is_asked_to_give_the_input_back(watch):
    watch.happened(XEN, 10.0)
    assert watch.step(11.9, 11.8) == b"", "it may be somebody who does it"
    assert watch.step(12.0, 12.0) == b"\1\1\1"
    assert watch.step(13.9, 13.9) == b""
    watch.happened(DOM0, 13.95)
    assert watch.step(30.0, 30.0) == b""


def test_by_the_letter_that_xen_named(watch):
    watch.foreign(b"(XEN) *** Serial input to Xen (type 'CTRL-b' three times to switch input)\r\n")
    watch.happened(XEN, 10.0)
    assert watch.step(12.0, 12.0) == b"\2\2\2"


def test_xen_that_does_not_is_over_after_six_tries(watch):
    watch.happened(XEN, 0.0)
    typed = [watch.step(now, float(now)) for now in range(1, 14)]
    assert [now for now, keys in enumerate(typed, 1) if keys] == [2, 4, 6, 8, 10, 12]
    assert "Xen keeps the console's input" in over(watch, 14.0, 14.0)


def test_the_cable_may_be_out_for_a_minute(watch):
    watch.step(5.0, 5.0)
    watch.cable(True, 6.0)
    assert watch.step(65.9, 5.0) == b""
    assert "the serial cable is out" in over(watch, 66.0, 5.0)


def test_when_it_was_out_for_less_a_silent_board_has_what_is_left_of_the_minute(watch):
    watch.step(5.0, 5.0)
    watch.cable(True, 6.0)
    watch.cable(False, 50.0)
    assert watch.step(64.9, 5.0) == b""
    assert "the board says nothing for 60 s" in over(watch, 65.0, 5.0)


def test_no_ctrl_a_while_the_cable_is_out(watch):
    watch.happened(XEN, 1.0)
    watch.cable(True, 2.0)
    assert watch.step(20.0, 1.0) == b""


def test_our_prompt_means_that_the_boards_half_is_no_more(watch):
    watch.step(10.0, 10.0)
    watch.foreign(b"Killed\r\n\x1b[0medgedeploy# (XEN) d1 is up\r\n")
    assert watch.step(10.9, 10.0) == b""
    assert not watch.prompt
    assert "half of the serial link has ended" in over(watch, 11.1, 10.0)
    assert watch.prompt


def test_a_prompt_in_a_log_line_is_none_while_frames_come(watch):
    watch.foreign(b"edgedeploy# ")
    assert watch.step(10.0, 9.9) == b""


def test_the_last_lines_are_shown_and_harmless(watch):
    watch.foreign(b"x" * 20000 + b"\r\n[   12.345678] \x1b[31mOops\x1b[0m: \x07 0096 [#1] SMP ARM\r\r\n")
    watch.happened(UBOOT, 10.0)
    with pytest.raises(errors.Unreachable) as caught:
        watch.step(20.0, 1.0)
    assert caught.value.details[-1] == "[   12.345678] Oops:  0096 [#1] SMP ARM"
    assert all(len(line) <= 125 for line in caught.value.details)


def test_a_silent_board_is_told_once_and_that_it_is_back(watch):
    told = []
    for now in range(31):
        watch.step(now, min(now, 3) if now < 25 else now)
        told.append(watch.news(now))
    assert [now for now, words in enumerate(told) if words] == [9, 25]
    assert "the board says nothing; waiting for it, 60 s at most" in told[9]
    assert told[25] == "the board is heard again"


def test_who_pulled_the_cable_is_told_how_long_there_is_and_that_nothing_is_lost(watch):
    said = watch.cable(out=True, now=1)
    assert said == "the cable is out; waiting for it, 60 s at most (it is safe to stop: the board keeps what it has)"
    assert watch.cable(out=False, now=2) == "the cable is back"


def test_a_cable_that_is_out_or_just_back_is_no_silent_board(watch):
    watch.cable(out=True, now=1)
    assert not any(watch.news(now) for now in range(1, 30))
    watch.cable(out=False, now=30)
    watch.step(31, 31)
    assert not any(watch.news(now) for now in range(31, 36))
