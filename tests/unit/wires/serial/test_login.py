"""The sentences for a line that leads to no shell. Logging in itself: tests/contract/test_serial_console.py."""
import random

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.serial import recognise
from edgedeploy.wires.serial.login import Console, stuck
from edgedeploy.wires.serial.recognise import Sight, Where
from tests import guard


class Line:
    device, baud = "/dev/ttyUSB0", 115200


@pytest.mark.parametrize("where", [where for where in Where if where not in (Where.SHELL, Where.LOGIN)])
@pytest.mark.parametrize("alive", [False, True])
def test_every_place_has_its_sentence(where, alive):
    error = stuck(Sight(where, alive=alive, last=("one", "\x1b[2Jtwo")), Line())
    assert error.exit_code == 11
    assert error.hint
    assert "{" not in error.message + error.hint
    assert "/dev/ttyUSB0" in error.message or (where is Where.SILENCE and alive)
    assert all("\x1b" not in line for line in error.details)


def test_silence_of_a_board_that_lives_is_another_sentence():
    dead, alive = (stuck(Sight(Where.SILENCE, alive=alive), Line()) for alive in (False, True))
    assert dead.message == "nothing answers on /dev/ttyUSB0 at 115200 baud"
    assert "getty" in alive.hint


def test_rubbish_is_not_shown():
    assert stuck(Sight(Where.WRONG_BAUD, last=("\ufffd\ufffd",)), Line()).details == ()


def test_rubbish_names_what_can_be_typed_next():
    error = stuck(Sight(Where.WRONG_BAUD), Line())
    assert all(words in error.hint for words in ("--baud 1500000", "--baud 115200", "loose ground", "edgedeploy console"))


class FarEnd(Line):
    """Has a prompt, echoes, and answers each line; `typed` is what it was told."""

    def __init__(self, prompt, answer):
        self.prompt, self.answer = prompt.encode(), answer
        self.typed, self.line, self.out = [], "", b""

    def write(self, data, timeout=10.0):
        for char in data.decode("ascii"):
            if char in "\r\n":
                self.typed.append(self.line)
                said = self.answer(self.line) if self.line else ""
                self.out += b"\r\n" + said.encode() + self.prompt
                self.line = ""
            elif char in "\x15\x03":
                self.line = ""
            elif char >= " ":
                self.line += char
                self.out += char.encode()

    def read(self, n, timeout):
        out, self.out = self.out[:n], self.out[n:]
        return out


def u_boot(line):
    return f"Unknown command '{line.split()[0]}' - try 'help'\r\n"


class Noisy(FarEnd):
    """A getty; and a burst of noise whenever somebody has listened for a moment."""

    def __init__(self):
        super().__init__("cubie login: ", lambda line: "")
        self.dice = random.Random(3)

    def write(self, data, timeout=10.0):
        for char in data.decode("ascii"):
            if char in "\r\n":
                self.typed.append(self.line)
                self.prompt = {"root": b"Password: ", "secret": b"Linux cubie 6.1.0\r\nroot@cubie:~# "}.get(self.line, self.prompt)
                self.out += b"\r\n" + self.prompt
                self.line = ""
            elif char == "\x15":
                self.line = ""
            else:
                self.line += char

    def read(self, n, timeout):
        out, self.out = self.out[:n], self.out[n:]
        if not out and timeout > 0:
            guard.let_pass(min(timeout, 0.01), "a line that is read without end must cost time, as a real one does")
            out = self.dice.randbytes(60)
        return out


def test_it_logs_in_through_noise(monkeypatch):
    monkeypatch.setattr(recognise, "GARBLE_LISTEN", 0.1)
    monkeypatch.setattr(recognise, "SETTLE", 0.05)
    far = Noisy()
    console = Console(far, ask=lambda user: "secret")
    console._reach_shell()
    assert console._logged_in
    assert [line for line in far.typed if line] == ["root", "secret"]


LOADERS = {
    "ARNDALE # ": (u_boot, "U-Boot"),
    "CB2# ": (u_boot, "U-Boot"),
    "ZynqMP> ": (u_boot, "U-Boot"),
    "rpi4$ ": (u_boot, "U-Boot"),
    "root@demo:~# ": (u_boot, "U-Boot"),
    "MX6>": (u_boot, "U-Boot"),
    "(ipq) #": (u_boot, "U-Boot"),
    "a file of C>": (lambda line: "", "a program"),
    "grub> ": (lambda line: f"error: can't find command `{line}'.\r\n", "a boot loader"),
    "hikey> ": (lambda line: f"'{line}' is not recognized as an internal or external command.\r\n", "a boot loader"),
    "FS0:\\> ": (lambda line: "", "a boot loader"),
    "barebox@Phytec:/ $ ": (lambda line: "", "a boot loader"),
    "Switch# ": (lambda line: "% Invalid input detected\r\n", "a program"),
    ">>> ": (lambda line: "SyntaxError: invalid syntax\r\n", "a program"),
    "mysql> ": (lambda line: "    -> \r\n", "a program"),
}


@pytest.mark.parametrize(("prompt", "answer", "words"), [(prompt, *rest) for prompt, rest in LOADERS.items()], ids=LOADERS)
def test_what_looks_like_a_shell_and_is_none_is_told_and_given_no_command(monkeypatch, prompt, answer, words):
    monkeypatch.setattr(recognise, "LISTEN", 0.01)
    monkeypatch.setattr(recognise, "SETTLE", 0.01)
    far = FarEnd(prompt, answer)
    with pytest.raises(errors.Unreachable, match=words), Console(far, ask=lambda user: None):
        raise AssertionError("it is no shell")
    assert {*far.typed} <= {"", ":"}


def test_what_a_daemon_says_meanwhile_is_no_answer(monkeypatch):
    monkeypatch.setattr(recognise, "LISTEN", 0.01)
    monkeypatch.setattr(recognise, "SETTLE", 0.01)
    said = iter(["sshd[7]: Invalid user x\r\n"])
    far = FarEnd("root@demo:~# ", lambda line: next(said, "") if line == ":" else "")
    console = Console(far, ask=lambda user: None)
    console._reach_shell()
    assert far.typed[-2:] == [":", ":"]


@pytest.mark.parametrize(
    ("last", "like"),
    [(("MX6>", "MX6>"), True), (("<p>", "</p>"), False), (("MX6>",), False), ((), False), ((" >", " >"), False), (("5%", "5%"), False)],
)
def test_only_what_answers_each_enter_alike_may_be_a_prompt(last, like):
    assert recognise.nearly(last) is like
