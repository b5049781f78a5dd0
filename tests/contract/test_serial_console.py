"""The console over a real tty, with Debian's own getty, login and shells at its far end."""

from __future__ import annotations

import os
import select
import termios

import pytest

from edgedeploy.core import deadline, errors
from edgedeploy.wires.serial import expect, recognise, shell
from edgedeploy.wires.serial.login import Console
from edgedeploy.wires.serial.port import SerialPort
from tests import needs
from tests.contract.hurry import hurry
from tests.contract.leaping import Leaping
from tests.contract.serial_board import GETTY_WITHOUT_PASSWORD, PASSWORD, PRINTK, SHELL, Board
from tests.guard import until

pytestmark = pytest.mark.contract

TRICKY = "printf 'a\\nb  c\\n(XEN) not noise\\n[    1.000000] nor this\\n'; echo \"it's\" '$HOME' `echo x`; (exit 7)"
TRICKY_SAYS = "a\nb  c\n(XEN) not noise\n[    1.000000] nor this\nit's $HOME x"


@pytest.fixture(autouse=True)
def _can():
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")


@pytest.fixture
def hasty(monkeypatch):
    hurry(monkeypatch.setattr)


def ask(_user):
    return PASSWORD


def never(user):
    raise AssertionError(f"there is nothing to ask {user} for")


@pytest.mark.parametrize("lose", [0, 700], ids=["log lines", "and lost keys"])
def test_logs_in_works_and_logs_out(request, monkeypatch, tmp_path, lose):
    if lose:
        request.getfixturevalue("hasty")
        monkeypatch.setattr(shell, "_ECHO", 2.0)  # each key that is lost costs that much
    with Board(tmp_path, noise=300, lose=lose, seed=316) as board, SerialPort(board.port, 115200) as port:
        with Console(port, ask=ask) as sh:
            assert sh.run("id -u").output == "0"
            ran = sh.run(TRICKY)
            assert (ran.status, ran.output) == (7, TRICKY_SAYS)
            ran = sh.run("seq 2000; echo wrong >&2; cat")
            assert ran.output.split("\n") == [*map(str, range(1, 2001)), "wrong"]
            assert ran.status == 0
            assert sh.run("for i in 1 2\ndo\necho $i\ndone\n#").output == "1\n2"
            assert board.printk == "1\n"
            assert not board.echoes
        assert board.printk == PRINTK
        board.stands_at(b"cubie login: ")
        assert board.cable.cut > 10
        assert bool(board.cable.lost) == bool(lose)
        assert PASSWORD.encode() not in board.cable.down


@pytest.mark.usefixtures("hasty")
def test_another_user_than_root(tmp_path):
    with Board(tmp_path) as board, SerialPort(board.port, 115200) as port:
        with Console(port, user="talker", ask=ask) as sh:
            assert sh.run("cat /proc/sys/kernel/printk").output == PRINTK.strip(), "that is root's to change"
            assert sh.run("id -un").output == "talker"
        board.stands_at(b"cubie login: ")


@pytest.mark.usefixtures("hasty")
def test_no_password_is_asked_for_where_none_is_needed(tmp_path):
    with Board(tmp_path, GETTY_WITHOUT_PASSWORD) as board, SerialPort(board.port, 115200) as port:
        with Console(port, ask=never) as sh:
            assert sh.run("echo hello").output == "hello"
            assert board.printk == "1\n"
        assert board.printk == PRINTK


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("program", ["/bin/bash --norc", "/bin/sh"])
def test_a_shell_that_was_open_stays_open_and_as_it_was(tmp_path, program):
    with Board(tmp_path, SHELL, shell=program) as board, SerialPort(board.port, 115200) as port:
        board.until(b"# ")
        port.write(b"mark=kept; HISTFILE=/dev/null HISTCONTROL=ignorespace\rhalf a comm")
        board.until(b"half a comm")
        settings = termios.tcgetattr(board.slave)
        with pytest.raises(KeyboardInterrupt), Console(port, ask=never) as sh:  # noqa: PT012
            assert sh.run("echo $mark").output == ""
            raise KeyboardInterrupt
        assert board.printk == PRINTK
        assert b"half: " not in board.cable.taken()[0], "what was half typed was not run"
        port.write(b"echo $mark$PS1; history; echo that is a''ll\r")
        said = board.until(b"that is all")
        assert b"kept" in said
        assert b"HISTFILE= " not in said, "nothing of ours is in a person's history"
        board.until(b"# ")
        if program == "/bin/sh":  # bash's readline has settings of its own while it reads
            assert termios.tcgetattr(board.slave) == settings


@pytest.mark.usefixtures("hasty")
def test_a_busy_computer_types_no_name_for_a_password(monkeypatch, tmp_path):
    clock, busy = Leaping(monkeypatch, deadline), []
    prompt = expect.Expect.prompt

    def late(self, limit):
        while busy:
            clock.leap(busy.pop())
        return prompt(self, limit)

    def asked(user):
        busy.append(5.0)
        return ask(user)

    monkeypatch.setattr(expect.Expect, "prompt", late)
    with Board(tmp_path) as board, SerialPort(board.port, 115200) as port:
        with Console(port, ask=asked) as sh:
            assert sh.run("id -u").output == "0"
        assert board.cable.up.count(b"root\r") == 1


@pytest.mark.usefixtures("hasty")
def test_a_wrong_password_and_none_to_give(tmp_path):
    with Board(tmp_path) as board, SerialPort(board.port, 115200) as port:
        with (
            pytest.raises(errors.UsageFault, match="wrong password for root") as caught,
            Console(port, ask=lambda _: "no"),
        ):
            pass
        assert caught.value.exit_code == 2
        assert any("Login incorrect" in line for line in caught.value.details)
        assert board.printk == PRINTK
        board.cable.taken()
        with pytest.raises(errors.UsageFault, match="none to give"), Console(port, ask=lambda _: None):
            pass
        board.until(b"Password: ")
        board.stands_at(b"cubie login: ")  # the log-in was given up, not left half done


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("echoes", [False, True], ids=["mute", "echoing"])
def test_no_getty(monkeypatch, tmp_path, echoes):
    monkeypatch.setattr(recognise, "ANSWER", 0.7)  # nobody's
    with Board(tmp_path, "sleep 600", mute=True) as board, SerialPort(board.port, 115200) as port:
        settings = termios.tcgetattr(board.slave)
        settings[3] = settings[3] | termios.ECHO if echoes else settings[3] & ~termios.ECHO
        termios.tcsetattr(board.slave, termios.TCSANOW, settings)
        with pytest.raises(
            errors.Unreachable, match="nobody offers a log-in" if echoes else "nothing answers"
        ) as caught:
            Console(port, ask=never).__enter__()
        assert caught.value.exit_code == 11


@pytest.mark.usefixtures("hasty")
def test_a_command_that_does_not_end_is_interrupted(monkeypatch, tmp_path):
    clock, begun = Leaping(monkeypatch, deadline), tmp_path / "begun"
    with Board(tmp_path, SHELL, shell="/bin/sh") as board, SerialPort(board.port, 115200) as port:
        with Console(port, ask=never) as sh:
            with (
                clock.leaps(100, begun.exists, "the command begins"),
                pytest.raises(errors.BoardFault, match=r"did not finish within 100 s: echo >"),
            ):
                sh.run(f"echo >{begun}; sleep 1000", timeout=100)
            assert sh.run("echo still here").output == "still here"
        assert board.printk == PRINTK


@pytest.mark.usefixtures("hasty")
def test_a_board_that_restarts_is_not_typed_at(tmp_path):
    with Board(tmp_path, SHELL, shell="/bin/sh") as board, SerialPort(board.port, 115200) as port:
        with pytest.raises(errors.Unreachable, match="has restarted"), Console(port, ask=never) as sh:  # noqa: PT012
            board.cable.drained()
            board.cable.taken()
            board.says(b"\r\nU-Boot 2023.01 (Nov 23 2023)\r\nHit any key to stop autoboot:  2 ")
            until(lambda: select.select([port], [], [], 0)[0], "U-Boot's words at the port")
            sh.run("id")
        board.cable.drained()
        assert board.cable.taken()[1] == b""


@pytest.mark.usefixtures("hasty")
def test_a_pulled_cable_is_said_and_the_board_puts_everything_back_by_itself(tmp_path):
    pulled = tmp_path / "pulled"
    with Board(tmp_path, GETTY_WITHOUT_PASSWORD) as board, SerialPort(board.port, 115200) as port:
        # until then the guard on the board has not waited at all, however slow everything is
        patient = board.folder / "bin" / "sleep"
        patient.write_text(f"#!/bin/sh\nuntil [ -e {pulled} ]; do /bin/sleep 0.1; done\nexec /bin/sleep 0.1\n")
        patient.chmod(0o755)
        with pytest.raises(errors.Unreachable, match="vanished"), Console(port, ask=never, tick=1, ticks=2) as sh:  # noqa: PT012
            assert sh.run("true").status == 0
            board.unplug()
            sh.run("id")
        assert board.printk == "1\n", "nobody has put it back yet"
        pulled.touch()
        until(lambda: board.printk == PRINTK, "the board puts its log level back")


@pytest.mark.usefixtures("hasty")
def test_what_a_pulled_cable_left_behind_is_taken_up(tmp_path):
    with Board(tmp_path, SHELL, shell="/bin/bash --norc") as board, SerialPort(board.port, 115200) as port:
        left = Console(port, ask=never)
        left.__enter__()
        assert board.printk == "1\n"
        with Console(port, ask=never) as sh:
            assert sh.run("echo again").output == "again"
            assert board.printk == "1\n"
        assert board.printk == PRINTK
