"""The console over a real tty, with Debian's own getty, login and shells at its far end."""

from __future__ import annotations

import os
import termios
import time

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.serial import expect, recognise, shell
from edgedeploy.wires.serial.login import Console
from edgedeploy.wires.serial.port import SerialPort
from tests import needs
from tests.contract.serial_board import GETTY_WITHOUT_PASSWORD, PASSWORD, PRINTK, SHELL, Board

pytestmark = pytest.mark.contract

TRICKY = "printf 'a\\nb  c\\n(XEN) not noise\\n[    1.000000] nor this\\n'; echo \"it's\" '$HOME' `echo x`; (exit 7)"
TRICKY_SAYS = "a\nb  c\n(XEN) not noise\n[    1.000000] nor this\nit's $HOME x"


@pytest.fixture(autouse=True)
def _can():
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")


@pytest.fixture
def hasty(monkeypatch):
    """No U-Boot counts at the far end and no Xen has a small ring: the waits for those need no test seconds."""
    monkeypatch.setattr(recognise, "LISTEN", 0.3)
    monkeypatch.setattr(recognise, "ANSWER", 0.7)
    monkeypatch.setattr(expect, "_PAUSE", 0.004)
    monkeypatch.setattr(shell, "_ECHO", 1.0)


def ask(_user):
    return PASSWORD


def never(user):
    raise AssertionError(f"there is nothing to ask {user} for")


@pytest.mark.parametrize(("noise", "lose"), [(0.5, 0.0), (0.5, 0.001)], ids=["log lines", "and lost keys"])
def test_logs_in_works_and_logs_out(request, tmp_path, noise, lose):
    if lose:
        request.getfixturevalue("hasty")
    with Board(tmp_path, noise=noise, lose=lose, seed=7) as board, SerialPort(board.port, 115200) as port:
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
        assert board.heard(b"cubie login: ")
        assert board.cable.cut > 10
        assert PASSWORD.encode() not in board.cable.down


@pytest.mark.usefixtures("hasty")
def test_another_user_than_root(tmp_path):
    with Board(tmp_path) as board, SerialPort(board.port, 115200) as port:
        with Console(port, user="talker", ask=ask) as sh:
            assert sh.run("cat /proc/sys/kernel/printk").output == PRINTK.strip(), "that is root's to change"
            assert sh.run("id -un").output == "talker"
        assert board.heard(b"cubie login: ")


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
        port.write(b"mark=kept; HISTFILE=/dev/null HISTCONTROL=ignorespace\rhalf a comm")
        time.sleep(0.3)
        settings = termios.tcgetattr(board.slave)
        with pytest.raises(KeyboardInterrupt), Console(port, ask=never) as sh:  # noqa: PT012
            assert sh.run("echo $mark").output == ""
            raise KeyboardInterrupt
        assert board.printk == PRINTK
        board.cable.down = b""
        port.write(b"echo $mark$PS1; history\r")
        assert board.heard(b"kept")
        assert not board.heard(b"HISTFILE= ", 0.3), "nothing of ours is in a person's history"
        if program == "/bin/sh":  # bash's readline has settings of its own while it reads
            assert termios.tcgetattr(board.slave) == settings
        assert b"half a comm: " not in board.cable.down


@pytest.mark.usefixtures("hasty")
def test_a_wrong_password_and_none_to_give(tmp_path):
    with Board(tmp_path) as board, SerialPort(board.port, 115200) as port:
        started = time.monotonic()
        with pytest.raises(errors.UsageFault, match="wrong password for root") as caught, Console(port, ask=lambda _: "no"):
            pass
        assert time.monotonic() - started < 12
        assert caught.value.exit_code == 2
        assert any("Login incorrect" in line for line in caught.value.details)
        assert board.printk == PRINTK
        board.cable.down = b""
        with pytest.raises(errors.UsageFault, match="none to give"), Console(port, ask=lambda _: None):
            pass
        assert board.heard(b"Password: ")
        assert board.heard(b"cubie login: "), "the log-in was given up, not left half done"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("runs", ["sleep 60", "exec 3<>{dev}; stty -F {dev} sane; sleep 60"], ids=["mute", "echoing"])
def test_no_getty(tmp_path, runs):
    with Board(tmp_path, runs) as board, SerialPort(board.port, 115200) as port:
        if runs == "sleep 60":
            settings = termios.tcgetattr(board.slave)
            settings[3] &= ~termios.ECHO
            termios.tcsetattr(board.slave, termios.TCSANOW, settings)
        started = time.monotonic()
        with pytest.raises(errors.Unreachable, match=r"nobody offers a log-in|nothing answers") as caught:
            Console(port, ask=never).__enter__()
        assert caught.value.exit_code == 11
        assert time.monotonic() - started < 12


@pytest.mark.usefixtures("hasty")
def test_a_command_that_does_not_end_is_interrupted(tmp_path):
    with Board(tmp_path, SHELL, shell="/bin/sh") as board, SerialPort(board.port, 115200) as port:
        with Console(port, ask=never) as sh:
            with pytest.raises(errors.BoardFault, match=r"did not finish within 0\.5 s: sleep 50"):
                sh.run("sleep 50", timeout=0.5)
            assert sh.run("echo still here").output == "still here"
        assert board.printk == PRINTK


@pytest.mark.usefixtures("hasty")
def test_a_board_that_restarts_is_not_typed_at(tmp_path):
    with Board(tmp_path, SHELL, shell="/bin/sh") as board, SerialPort(board.port, 115200) as port:
        with pytest.raises(errors.Unreachable, match="has restarted"), Console(port, ask=never) as sh:  # noqa: PT012
            os.write(board.laptop, b"\r\nU-Boot 2023.01 (Nov 23 2023)\r\nHit any key to stop autoboot:  2 ")
            board.cable.up = b""
            sh.run("id")
        assert board.cable.up == b""


@pytest.mark.usefixtures("hasty")
def test_a_pulled_cable_is_said_and_the_board_puts_everything_back_by_itself(tmp_path):
    with Board(tmp_path, GETTY_WITHOUT_PASSWORD) as board, SerialPort(board.port, 115200) as port:
        started = time.monotonic()
        with pytest.raises(errors.Unreachable, match="vanished"), Console(port, ask=never, tick=1, ticks=2) as sh:  # noqa: PT012
            assert sh.run("true").status == 0
            board.cable.down = b""
            board.unplug()
            sh.run("id")
        assert time.monotonic() - started < 15
        ends = time.monotonic() + 12
        while board.printk != PRINTK and time.monotonic() < ends:
            time.sleep(0.1)
        assert board.printk == PRINTK


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
