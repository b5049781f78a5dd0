"""The serial wire against a far end that is made up: how long it tries, and what it says then."""

from __future__ import annotations

import os
import pty
import select
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.serial import login, port_lock, recognise, wire
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.wire import SerialWire

Answer = Callable[[bytes], bytes]
"""all that was typed so far -> what the board writes; asked after each piece"""


class Board(threading.Thread):
    """The other end of a cable."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(daemon=True)
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.port, self.answer, self.typed, self.stop = os.ttyname(self.slave), answer, b"", threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            if select.select([self.master], [], [], 0.05)[0]:
                self.typed += os.read(self.master, 4096)
                os.write(self.master, self.answer(self.typed))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Board]]:
    made: list[Board] = []

    def start(answer: Answer) -> Board:
        made.append(Board(answer))
        made[-1].start()
        return made[-1]

    monkeypatch.setattr(recognise, "LISTEN", 0.1)
    monkeypatch.setattr(recognise, "ANSWER", 0.3)
    monkeypatch.setattr(port_lock, "holder", lambda _device: "")  # the test itself holds it
    monkeypatch.setattr(wire, "_LEAST", 1.0)
    yield start
    for one in made:
        one.stop.set()
        one.join()
        os.close(one.master)
        os.close(one.slave)


def took(made: SerialWire) -> tuple[errors.EdgeError, float]:
    started = time.monotonic()
    with pytest.raises(errors.EdgeError) as caught:
        made.connect()
    return caught.value, time.monotonic() - started


def slow_verdict(typed: bytes) -> bytes:
    """A getty whose login(1) never says yes or no."""
    lines = typed.replace(b"\x15", b"").split(b"\r")
    if any(lines[:-1]):
        return b"\r\nPassword: " if sum(map(bool, lines[:-1])) == 1 and not lines[-1] else b""
    return b"\r\ncubie login: "


def test_a_login_that_never_answers_is_over_when_the_time_is(board: Callable[[Answer], Board]) -> None:
    made = board(slow_verdict)
    error, seconds = took(SerialWire(made.port, 115200, b"", ask=lambda _: "secret", timeout=2.0))
    assert b"secret\r" in made.typed
    assert isinstance(error, errors.Unreachable)
    assert "took too long" in error.message
    assert "--timeout" in error.hint
    assert seconds < 4.0


def test_a_person_may_take_longer_over_the_password(board: Callable[[Answer], Board]) -> None:
    def asked(_user: str) -> str:
        time.sleep(2.5)
        return "secret"

    def refuses(typed: bytes) -> bytes:
        return b"\r\nLogin incorrect\r\ncubie login: " if b"secret\r" in typed else slow_verdict(typed)

    error, _ = took(SerialWire(board(refuses).port, 115200, b"", ask=asked, timeout=2.0))
    assert "wrong password for root" in error.message


def test_a_shell_that_answers_rubbish_is_left_in_time(
    board: Callable[[Answer], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LEAVING", 1.0)
    made = board(lambda typed: b"\r\nsh: what?\r\nroot@cubie:~# " if typed.endswith((b"\r", b"\n")) else b"")
    error, seconds = took(SerialWire(made.port, 115200, b"", ask=lambda _: None, timeout=3.0))
    assert isinstance(error, errors.Unreachable)
    assert "took too long" in error.message
    assert seconds < 6.0


def test_a_password_is_never_typed_where_a_name_is_asked_for(board: Callable[[Answer], Board]) -> None:
    """login(1) gives up after 60 s without one."""
    far: list[Board] = []

    def asked(_user: str) -> str:
        os.write(far[0].master, b"\r\nLogin timed out after 60 seconds.\r\n\r\ncubie login: ")
        time.sleep(0.3)
        return "secret"

    def getty(typed: bytes) -> bytes:
        lines = [line for line in typed.replace(b"\x15", b"").split(b"\r") if line.strip()]
        if not typed.endswith(b"\r"):
            return b""
        if lines[-1:] == [b"secret"]:
            return b"\r\nLogin incorrect\r\ncubie login: " if lines[-3:] == [b"root", b"root", b"secret"] else b"\r\nPassword: "
        return b"\r\nPassword: " if lines else b"\r\ncubie login: "

    far.append(board(getty))
    error, _ = took(SerialWire(far[0].port, 115200, b"", ask=asked, timeout=10.0))
    assert "wrong password for root" in error.message


def test_interrupted_at_the_question_the_console_goes_back_to_its_login_prompt(board: Callable[[Answer], Board]) -> None:
    made = board(slow_verdict)

    def interrupted(_user: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialWire(made.port, 115200, b"", ask=interrupted, timeout=2.0).connect()
    time.sleep(0.2)
    assert made.typed.endswith(b"root\r\x04")


def test_a_second_ctrl_c_while_it_leaves_still_gives_the_port_back(
    board: Callable[[Answer], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    made = board(slow_verdict)
    before = termios.tcgetattr(made.slave)
    monkeypatch.setattr(login.Console, "__enter__", lambda self: None)
    monkeypatch.setattr(wire, "start", impatient)
    monkeypatch.setattr(wire, "take_back", lambda *_: True)
    monkeypatch.setattr(login.Console, "leave", impatient)
    impatiently = SerialWire(made.port, 115200, b"", ask=lambda _: "x", timeout=2.0)
    with pytest.raises(KeyboardInterrupt):
        impatiently.connect()
    assert termios.tcgetattr(made.slave) == before
    SerialPort(made.port, 115200).close()
