"""The serial wire against a far end that is made up: how long it tries, and what it says then.

Time is the test's own: it passes while the wire waits for a board that says nothing.
"""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from edgedeploy.core import deadline, errors
from edgedeploy.wires.serial import expect, login, port_lock, shell, wire
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.wire import SerialWire
from tests.terminal import Tty

Answer = Callable[[bytes], bytes]
"""all that was typed so far -> what the board writes; asked after each piece"""


class Board:
    """The port, and the other end of its cable. Its clock, too."""

    device, baud = "/dev/ttyUSB0", 115200

    def __init__(self) -> None:
        self.now = 1000.0
        self.answer: Answer = lambda typed: b""
        self.typed = self.said = b""

    def read(self, n: int, timeout: float) -> bytes:
        if not self.said:
            self.sleep(timeout)
        data, self.said = self.said[:n], self.said[n:]
        return data

    def write(self, data: bytes, _timeout: float = 10.0) -> None:
        self.typed += data
        self.said += self.answer(self.typed)

    def close(self) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board()
    clock = SimpleNamespace(monotonic=lambda: made.now, sleep=made.sleep)
    for module in (deadline, expect, login, shell):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(wire, "SerialPort", lambda _device, _baud: made)
    return made


def failed(board: Board, ask: Callable[[str], str | None], timeout: float) -> tuple[errors.EdgeError, float]:
    """What it says, and how long it took."""
    started = board.now
    with pytest.raises(errors.EdgeError) as caught:
        SerialWire(board.device, board.baud, b"", ask=ask, timeout=timeout).connect()
    return caught.value, board.now - started


def slow_verdict(typed: bytes) -> bytes:
    """A getty whose login(1) never says yes or no."""
    lines = typed.replace(b"\x15", b"").split(b"\r")
    if any(lines[:-1]):
        return b"\r\nPassword: " if sum(map(bool, lines[:-1])) == 1 and not lines[-1] else b""
    return b"\r\ncubie login: "


def test_a_login_that_never_answers_is_over_when_the_time_is(board: Board) -> None:
    board.answer = slow_verdict
    error, seconds = failed(board, lambda _: "secret", 20.0)
    assert b"secret\r" in board.typed
    assert isinstance(error, errors.Unreachable)
    assert "took too long" in error.message
    assert "--timeout" in error.hint
    assert seconds == pytest.approx(20.0, abs=0.2)


def test_a_person_may_take_longer_over_the_password(board: Board) -> None:
    def asked(_user: str) -> str:
        board.sleep(30.0)
        return "secret"

    def refuses(typed: bytes) -> bytes:
        return b"\r\nLogin incorrect\r\ncubie login: " if b"secret\r" in typed else slow_verdict(typed)

    board.answer = refuses
    error, _ = failed(board, asked, 20.0)
    assert "wrong password for root" in error.message


def test_a_shell_that_answers_rubbish_is_left_in_time(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "LEAVING", 1.0)  # it would leave in three seconds
    board.answer = lambda typed: b"\r\nsh: what?\r\nroot@cubie:~# " if typed.endswith((b"\r", b"\n")) else b""
    error, seconds = failed(board, lambda _: None, 30.0)
    assert isinstance(error, errors.Unreachable)
    assert "took too long" in error.message
    assert 30.0 <= seconds < 31.2


def test_a_password_is_never_typed_where_a_name_is_asked_for(board: Board) -> None:
    """login(1) gives up after 60 s without one."""

    def asked(_user: str) -> str:
        board.said += b"\r\nLogin timed out after 60 seconds.\r\n\r\ncubie login: "
        board.sleep(61.0)
        return "secret"

    def getty(typed: bytes) -> bytes:
        lines = [line for line in typed.replace(b"\x15", b"").split(b"\r") if line.strip()]
        if not typed.endswith(b"\r"):
            return b""
        if lines[-1:] == [b"secret"]:
            return b"\r\nLogin incorrect\r\ncubie login: " if lines[-3:] == [b"root", b"root", b"secret"] else b"\r\nPassword: "
        return b"\r\nPassword: " if lines else b"\r\ncubie login: "

    board.answer = getty
    error, _ = failed(board, asked, 10.0)
    assert "wrong password for root" in error.message


def test_interrupted_at_the_question_the_console_goes_back_to_its_login_prompt(board: Board) -> None:
    def interrupted(_user: str) -> str:
        raise KeyboardInterrupt

    board.answer = slow_verdict
    with pytest.raises(KeyboardInterrupt):
        SerialWire(board.device, board.baud, b"", ask=interrupted, timeout=20.0).connect()
    assert board.typed.endswith(b"root\r\x04")


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tty]:
    monkeypatch.setattr(port_lock, "holder", lambda _device: "")  # the test itself holds it
    made = Tty()
    yield made
    made.close()


def test_a_second_ctrl_c_while_it_leaves_still_gives_the_port_back(tty: Tty, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(login.Console, "__enter__", lambda self: None)
    monkeypatch.setattr(wire, "start", impatient)
    monkeypatch.setattr(wire, "take_back", lambda *_: True)
    monkeypatch.setattr(login.Console, "leave", impatient)
    impatiently = SerialWire(tty.name, 115200, b"", ask=lambda _: "x", timeout=2.0)
    with pytest.raises(KeyboardInterrupt):
        impatiently.connect()
    assert termios.tcgetattr(tty.slave) == tty.before
    SerialPort(tty.name, 115200).close()
