"""`edgedeploy console` as a person has it: the program in a terminal of its own, a tty at the other end of the cable."""

import contextlib
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from edgedeploy.ports.join import Keys
from tests.guard import USUAL_S, until
from tests.terminal import Tty

ROOT = Path(__file__).parents[3]


@pytest.fixture
def cable():
    tty = Tty()
    tty.let_go()
    yield tty
    tty.close()


@pytest.fixture
def person():
    tty = Tty()
    yield tty
    tty.close()


@pytest.fixture
def run(cable, person, tmp_path):
    started = []

    def start(*argv, **streams):
        ends = {"stdin": person.slave, "stdout": person.slave, "stderr": person.slave, **streams}
        env = {**os.environ, "EDGEDEPLOY_CONFIG_DIR": str(tmp_path), "TERM": "dumb", "NO_COLOR": "1"}
        command = [sys.executable, "-m", "edgedeploy", "console", "--port", cable.name, *argv]
        process = subprocess.Popen(command, cwd=ROOT, env=env, **ends)
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()  # not a kill: it takes its lock file away
        process.wait()


def test_a_conversation_and_its_end(run, cable, person, tmp_path):
    log = tmp_path / "console.log"
    log.write_bytes(b"earlier\n")
    process = run("--log", str(log))
    said = person.until(b"Ctrl-] ? says this again")
    assert b"at 115200 baud: you named it" in said
    os.write(person.master, b"root\r\x03\x04")
    cable.until(b"root\r\x03\x04")
    everything = bytes(set(range(256)) - {10})
    os.write(cable.master, b"\x1b]0;title\a\x1b[1mbold\x1b[6n" + everything + b"end")
    shown = person.until(b"end")
    assert b"\x1b[1mbold" in shown
    assert not any(word in shown for word in (b"title", b"\x1b[6n", b"\x1b]", b"\x9b", b"\x05")), "nothing that answers"
    assert b"ABCDEF" in shown, "and all that is text"
    os.write(person.master, b"\x1d?")
    person.until(b"Ctrl-] ? says this again")
    os.write(person.master, b"\x1d\x1d")
    cable.until(b"\x1d")
    os.write(person.master, b"so far\x1d")
    cable.until(b"so far")  # so the escape key came by itself
    os.write(person.master, b".not this")
    assert process.wait(USUAL_S) == 0
    assert person.as_before
    assert cable.as_before
    person.until(b"\x1b[m")  # no colour is left behind
    assert log.read_bytes() == b"earlier\n\x1b]0;title\a\x1b[1mbold\x1b[6n" + everything + b"end"
    with pytest.raises(OSError, match="Input/output"):
        os.read(cable.master, 100)  # the cable is let go, and nothing after the escape key was sent


def test_nothing_is_typed_by_itself(run, cable, person):
    run()
    person.until(b"says this again")
    os.write(cable.master, b"\r\ncubie login: ")
    person.until(b"login: ")
    os.write(person.master, b"x")
    assert cable.until(b"x") == b""


def test_a_pasted_text_arrives_whole(run, cable, person):
    run()
    person.until(b"says this again")
    text = b"".join(b"line %d of a pasted text;" % i for i in range(40))
    os.write(person.master, text + b"!")
    assert cable.until(b"!") == text


def test_the_rate_of_a_kind_of_board(run, cable, person):
    run("--board", "rockpro64")
    assert b"at 1500000 baud" in person.until(b"says this again")
    assert cable.settings()[5] == termios.B1500000
    assert run("--board", "nonsense", stderr=subprocess.DEVNULL).wait(USUAL_S) == 21


def test_the_cable_is_pulled_and_comes_back(run, cable, person, tmp_path):
    name = tmp_path / "cable"
    name.symlink_to(cable.name)
    process = run("--port", str(name))
    person.until(b"says this again")
    name.unlink()  # first: a tty's number is another test's in a moment
    cable.close()
    person.until(b"[the cable is out: plug it in again, or Ctrl-] . leaves]")
    os.write(person.master, b"to nobody\x1d?")
    person.until(b"says this again")
    other = Tty()
    name.symlink_to(other.name)
    other.let_go()
    person.until(b"[the cable is back]")
    os.write(other.master, b"board# ")
    person.until(b"board# ")
    os.write(person.master, b"id\r")
    assert other.until(b"id\r") == b""
    name.unlink()
    other.close()
    person.until(b"cable is out")
    os.write(person.master, b"\x1d.")
    assert process.wait(USUAL_S) == 0
    assert person.as_before


def test_the_cable_is_pulled_and_nobody_can_plug_it_in(run, cable):
    process = run(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"at 115200 baud" in process.stderr.readline()
    os.write(cable.master, b"up")
    assert process.stdout.read(2) == b"up"
    cable.close()
    assert process.wait(USUAL_S) == 11
    assert b"vanished" in process.stderr.read()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def test_a_break_is_sent(run, cable, person):
    run()
    person.until(b"says this again")
    os.write(person.master, b"\x1db")
    person.until(b"[BREAK sent]")  # a pty has no line to hold low


@pytest.mark.parametrize("argv", [["--on", "cubie"], ["--host", "192.0.2.1"], ["--interface", "lo"], ["--via", "ssh"]])
def test_what_only_a_network_has_is_refused_at_the_cable(run, argv):
    process = run(*argv, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    assert process.wait(USUAL_S) == 2
    assert f"{argv[0]} means nothing here: the board's serial console is at the end of the cable" in said
    process.stderr.close()


@pytest.mark.parametrize("argv", [["--baud", "9600"], ["--board", "cubieboard2"]])
def test_what_only_a_cable_has_is_refused_for_a_guest(argv):
    ran = subprocess.run(
        [sys.executable, "-m", "edgedeploy", "console", "decks", *argv], cwd=ROOT, capture_output=True, check=False,
        env={**os.environ, "EDGEDEPLOY_PORT": "/dev/ttyUSB7"},
    )  # fmt: skip
    assert ran.returncode == 2
    assert (
        f"{argv[0]} means nothing here: the console of decks is reached as a push reaches the board"
        in ran.stderr.decode()
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_both_terminals_as_they_were(run, cable, person, number):
    process = run()
    person.until(b"says this again")
    os.write(cable.master, b"up")
    person.until(b"up")
    process.send_signal(number)
    assert process.wait(USUAL_S) == 130
    assert person.as_before
    assert cable.as_before


def test_two_signals_at_once_leave_both_terminals_as_they_were(run, cable, person):
    """A terminal that is closed, and systemd that ends its session: each sends its own."""
    process = run()
    person.until(b"says this again")

    def ended():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        return process.poll() is not None

    until(ended, "the program ends", pause=0.002)
    assert process.returncode == 130
    assert person.as_before
    assert cable.as_before


def test_without_a_terminal_it_is_a_plain_copy(run, cable):
    process = run(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"uptime\r\x1d.")
    process.stdin.close()
    cable.until(b"uptime\r\x1d.")
    os.write(cable.master, b"up 3 days\r\n")
    assert process.wait(USUAL_S) == 0
    assert process.stdout.read() == b"up 3 days\r\n"
    process.stdout.close()
    process.stderr.close()
    assert cable.as_before


def test_a_log_that_cannot_be_written(run, tmp_path):
    process = run("--log", str(tmp_path / "no" / "such"), stderr=subprocess.PIPE)
    assert b"cannot write" in process.stderr.read()
    assert process.wait(USUAL_S) == 2
    process.stderr.close()


def test_a_port_that_is_held_is_said_before_anything(run, cable, person):
    run()
    person.until(b"says this again")
    second = run(stderr=subprocess.PIPE)
    said = second.stderr.read()
    assert second.wait(USUAL_S) == 11
    assert b"is held by" in said
    assert b"(pid " in said
    second.stderr.close()


@pytest.mark.parametrize(
    ("typed", "sent", "act"),
    [
        ([b"abc"], b"abc", ""),
        ([b"ab\x1d.cd"], b"ab", "leave"),
        ([b"ab\x1d", b"q"], b"ab", "leave"),
        ([b"\x1d\x1d."], b"\x1d.", ""),
        ([b"a\x1dxb"], b"ab", "help"),
        ([b"a\x1d", b"b"], b"a", "break"),
        ([b"."], b".", ""),
    ],
)
def test_keys(typed, sent, act):
    keys = Keys()
    got, last = b"", ""
    for data in typed:
        more, last = keys.feed(data)
        got += more
    assert (got, last) == (sent, act)
