"""`edgedeploy console decks` from a person's terminal to a guest's: the program, a real sshd with the push key's forced
command, the agent, and the terminals as xenconsoled makes them. Only xl and xenstore-read are stand-ins."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgedeploy.core import names
from edgedeploy.remote import pushkey
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.wires.trust import Pins, alias_of
from tests.contract.guest_board import DECKS, ID, ROOT, Guest, GuestBoard
from tests.guard import USUAL_S, Guard, until
from tests.sshd import Sshd
from tests.terminal import Tty

pytestmark = pytest.mark.contract

READY = b"Ctrl-] ? says this again]\r\n"


class Stage:
    """A laptop, an enrolled board, and what runs there."""

    def __init__(self, folder: Path, sshd: Sshd, back: float) -> None:
        self.folder, self.sshd = folder, sshd
        self.board = GuestBoard(folder, back)
        self.bin = self.board.bin
        self._enrol()
        self.started: list[subprocess.Popen[bytes]] = []

    def _enrol(self) -> None:
        pushkey.ensure(self.folder)
        command = f"exec {shlex.join(self.board.command)}"
        self.sshd.authorize(pushkey.private_key(self.folder), f'restrict,command="{command}"')
        Pins(self.folder / "known_hosts").pin(alias_of(ID), self.sshd.host_key)
        KnownBoards(self.folder).remember(
            KnownBoard(
                ID, names.BoardName("cubie"), names.ProfileName("cubieboard2"), self.sshd.user, ("127.0.0.1",), self.sshd.port, (DECKS,)
            )
        )  # fmt: skip

    def console(self, *argv: str, **streams: object) -> subprocess.Popen[bytes]:
        env = {
            **os.environ, "EDGEDEPLOY_CONFIG_DIR": str(self.folder), "EDGEDEPLOY_STATE_DIR": str(self.folder),
            "EDGEDEPLOY_INTERFACES": "127.0.0.1", "TERM": "dumb", "NO_COLOR": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "edgedeploy", "console", *argv, "--host", f"127.0.0.1:{self.sshd.port}"]
        process = subprocess.Popen(command, cwd=ROOT, env=env, **streams)  # type: ignore[call-overload]  # streams
        self.started.append(process)
        return process

    def agents(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.folder}/agent.py".encode() in path.read_bytes():
                    found.append(int(path.parts[2]))
        return found

    def no_agent(self) -> None:
        """Wait for it: no agent outlives its laptop."""
        until(lambda: not self.agents(), lambda: f"the end of the agents {self.agents()}")


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Its parameter: how long a guest that ended may take to come back."""
    with Sshd(tmp_path / "sshd") as sshd:
        stage = Stage(tmp_path, sshd, getattr(request, "param", USUAL_S))
        yield stage
        for process in stage.started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        stage.no_agent()


@pytest.fixture
def person() -> Iterator[Tty]:
    person = Tty()
    yield person
    person.close()


@pytest.fixture
def sit(stage: Stage, person: Tty) -> Callable[..., subprocess.Popen[bytes]]:
    """A person types `edgedeploy console decks` at a terminal."""

    def sit(*argv: str) -> subprocess.Popen[bytes]:
        process = stage.console("decks", *argv, stdin=person.slave, stdout=person.slave, stderr=person.slave)
        said = person.until(READY)
        assert b"decks on cubie: VM decks, release r1" in said
        return process

    return sit


def waiting(fd: int) -> int:
    """How many bytes lie at a terminal that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]


def piped(stage: Stage, *argv: str) -> subprocess.Popen[bytes]:
    return stage.console(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_person_at_the_guest(stage: Stage, sit: Callable[..., subprocess.Popen[bytes]], person: Tty) -> None:
    log = stage.folder / "guest.log"
    guest = Guest(stage.bin, 7, 1)
    process = sit("--log", str(log))
    hostile = b"\x1b]52;c;cm0gLXJm\a\x1b[c\x1b[?25l\x1b[32mlogin:\x1b[0m "
    guest.says(hostile)
    assert person.until(b"login:\x1b[0m ") == b"\x1b[?25l\x1b[32m"
    os.write(person.master, b"root\r\x03\x04")
    guest.console.until(b"root\r\x03\x04")
    os.write(person.master, b"\x1db")
    person.until(b"[a guest's console has no BREAK]")
    os.write(person.master, b"\x1d.")
    assert process.wait(USUAL_S) == 0
    person.until(b"\x1b[?25h")  # the guest had hidden the cursor
    assert person.as_before
    assert log.read_bytes() == hostile
    stage.no_agent()
    process = sit()
    person.until(b"login:\x1b[0m ")  # what came before is shown first
    os.write(person.master, b"\x1dq")
    assert process.wait(USUAL_S) == 0
    guest.ends()


def test_it_follows_the_app_and_says_so(stage: Stage, sit: Callable[..., subprocess.Popen[bytes]], person: Tty) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = sit()
    guest.says(b"r1 is here")
    person.until(b"r1 is here")
    guest.ends()
    person.until(b"[decks has ended]")
    guest = Guest(stage.bin, 8, 0)
    person.until(b"[decks is back: release r0]")
    guest.says(b"r0 is here")
    person.until(b"r0 is here")
    os.write(person.master, b"\x1d.")
    assert process.wait(USUAL_S) == 0
    guest.ends()


@pytest.mark.parametrize("stage", [1.0], indirect=True)
def test_an_app_that_does_not_come_back_is_left(
    stage: Stage, sit: Callable[..., subprocess.Popen[bytes]], person: Tty
) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = sit()
    guest.ends()
    person.until(b"[decks has ended]")
    person.until(b"[decks did not come back within 1 s]")
    assert process.wait(USUAL_S) == 0
    assert person.as_before


def test_a_laptop_that_dies_leaves_nothing_on_the_board(
    stage: Stage, sit: Callable[..., subprocess.Popen[bytes]]
) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = sit()
    assert len(stage.agents()) >= 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    stage.no_agent()
    guest.ends()


def test_a_signal_and_a_board_that_vanishes(
    stage: Stage, sit: Callable[..., subprocess.Popen[bytes]], person: Tty
) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = sit()
    process.terminate()
    assert process.wait(USUAL_S) == 130
    assert person.as_before
    process = sit()
    stage.sshd.signal_sessions(signal.SIGKILL)
    assert process.wait(USUAL_S) == 11
    assert person.as_before
    guest.ends()


def test_one_person_at_a_time(stage: Stage, sit: Callable[..., subprocess.Popen[bytes]]) -> None:
    guest = Guest(stage.bin, 7, 1)
    sit()
    second = piped(stage, "decks")
    assert second.wait(USUAL_S) == 47
    assert second.stderr
    assert b"is at the console of decks already" in second.stderr.read()
    guest.ends()


def test_without_a_terminal_it_is_a_plain_copy(stage: Stage) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = piped(stage, "decks")
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"uptime\r\x1d.")
    process.stdin.flush()
    guest.console.until(b"uptime\r\x1d.")
    guest.says(b"up \x1b[c 3 days\r\n")
    assert process.stdout.readline() == b"up \x1b[c 3 days\r\n", "as it came: nobody's terminal is there"
    process.stdin.close()
    assert process.wait(USUAL_S) == 0
    assert process.stdout.read() == b""
    guest.ends()


def test_a_long_text_waits_for_a_guest_that_reads_slowly(stage: Stage) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = piped(stage, "decks")
    assert process.stdin
    text = b"".join(b"line %d\n" % n for n in range(12_000)) + b"the end"
    stdin = process.stdin
    feeder = threading.Thread(target=lambda: (stdin.write(text), stdin.close()))
    feeder.start()
    heard, guard = b"", Guard("the end of the text", 4 * USUAL_S)
    while not heard.endswith(b"the end"):
        guard.turn(0.005)
        with contextlib.suppress(OSError):  # not open yet
            heard += os.read(guest.console.master, 1024)
    feeder.join()
    assert heard == text
    assert process.wait(USUAL_S) == 0
    guest.ends()


def test_a_guest_that_reads_nothing_can_be_left(
    stage: Stage, sit: Callable[..., subprocess.Popen[bytes]], person: Tty
) -> None:
    guest = Guest(stage.bin, 7, 1)
    process = sit()
    os.write(person.master, b"pasted" * 600)
    for _ in range(30):
        until(lambda: not waiting(person.slave), "the program takes what was typed")
        os.write(person.master, b"and more " * 200)
    os.write(person.master, b"\x1d.")
    assert process.wait(USUAL_S) == 0
    assert person.as_before
    stage.no_agent()
    guest.ends()


def test_what_is_not_there(stage: Stage) -> None:
    for argv, code, words in (
        (["decks"], 47, b"decks is not on air on this board"),
        (["mail"], 2, b"no app 'mail' on this board (known: decks)"),
    ):
        process = piped(stage, *argv)
        assert process.wait(USUAL_S) == code
        assert process.stderr
        said = process.stderr.read()
        assert words in said, said
        assert b"hint: " in said
