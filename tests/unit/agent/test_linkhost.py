"""The board's half as it is typed, on a pty of its own: what it starts, what it leaves behind, and how it ends."""

from __future__ import annotations

import bz2
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgedeploy.agent import linkhost
from edgedeploy.core.link import Link
from edgedeploy.core.mux import Kind, Mux
from edgedeploy.remote import agentkit
from tests.guard import USUAL_S, Guard

SESSION, BAUD = 0xC0FFEE, 1_000_000


class Half:
    """The process, and a laptop's link and mux at the pty's other end."""

    def __init__(self, folder: Path, first: str = "") -> None:
        """`first`: what its Python is told before."""
        program = folder / "foothold.py"
        program.write_text(first + bz2.decompress(agentkit.foothold()).decode())
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.process = subprocess.Popen(
            [sys.executable, "-IS", program, f"{SESSION:08x}", str(BAUD)], stdin=slave, stdout=slave, stderr=subprocess.PIPE
        )
        os.close(slave)
        self.link, self.mux = Link(SESSION, laptop=True, line=BAUD / 10), Mux(laptop=True, window=65536)
        self.news: list[tuple[Kind, int, bytes]] = []

    def go_on(self, until: Callable[[], bool]) -> None:
        limit = Guard("the board's half goes on")
        while not until():
            self.link.send(self.mux.take(1000))
            out, _ = self.link.poll(self.now)
            os.write(self.master, out)
            if select.select([self.master], [], [], min(0.01, limit.left))[0]:
                try:
                    self.link.receive(os.read(self.master, 65536), self.now)
                except OSError:  # EIO: it has ended
                    self.process.wait(USUAL_S)
            self.news += self.mux.feed(self.link.read())

    @property
    def now(self) -> float:
        return time.monotonic()  # clock: the laptop's own; the process at the other end has the same

    def has(self, kind: Kind, channel: int) -> bool:
        return any(item[:2] == (kind, channel) for item in self.news)

    def end(self) -> tuple[int, str]:
        words = self.process.communicate(timeout=USUAL_S)[1]
        return self.process.returncode, words.decode()


@pytest.fixture
def half(tmp_path: Path) -> Iterator[Half]:
    made = Half(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def running(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", mark], stdout=subprocess.DEVNULL, check=False).returncode == 0


def started(half: Half, tmp_path: Path) -> str:
    """A stubborn command that holds the tty when it can; what it is known by."""
    mark = f"sleep 600.{os.getpid()}{abs(hash(tmp_path)) % 10**6}"
    channel = half.mux.open(b"\0".join((b"sh", b"-c", f"trap '' HUP; echo; {mark}; exit".encode())))
    half.go_on(lambda: half.has(Kind.DATA, channel))
    assert running(mark)
    return mark


def test_commands_get_their_words_and_say_how_they_ended(half):
    channel = half.mux.open(b"\0".join((b"sh", b"-c", b'cat; echo "$1" >&2; ls -l /proc/self/fd >&2; exit 5', b"sh", b"a  b")))
    half.go_on(lambda: half.mux.write(channel, b"input") == 5)
    half.mux.eof(channel)
    half.go_on(lambda: half.has(Kind.EXIT, channel) and half.has(Kind.EOF, channel))
    assert (Kind.DATA, channel, b"input") in half.news
    assert (Kind.EXIT, channel, b"\x05") in half.news
    words = b"".join(payload for kind, _, payload in half.news if kind is Kind.WORDS)
    assert words.startswith(b"a  b\n")
    assert b"/dev/pts" not in words, "nothing of the console's tty is a command's"


@pytest.mark.parametrize(("argv", "status", "words"), [(b"no-such", 127, b"no-such: not found\n"), (b"/etc", 126, b"/etc: ")])
def test_what_cannot_be_started(half, argv, status, words):
    channel = half.mux.open(argv)
    half.go_on(lambda: half.has(Kind.EXIT, channel) and half.has(Kind.EOF, channel))
    assert (Kind.EXIT, channel, bytes([status])) in half.news
    assert any(kind is Kind.WORDS and payload.startswith(words) for kind, _, payload in half.news)


def test_a_good_bye_ends_it_and_what_it_has_started(half, tmp_path):
    mark = started(half, tmp_path)
    half.link.close()
    half.go_on(lambda: half.link.over)
    assert half.end() == (0, "")
    assert not running(mark)


def test_a_tty_that_hangs_up_ends_it(half, tmp_path):
    mark = started(half, tmp_path)
    os.close(half.master)
    status, _ = half.end()
    assert status == 3
    assert not running(mark)


def test_without_the_laptop_it_gives_the_console_back(tmp_path):
    later = tmp_path / "a minute later"
    jumps = f"now() + 61 * os.path.exists({str(later)!r})"
    half = Half(tmp_path, f"import os, time\nnow = time.monotonic\ntime.monotonic = lambda: {jumps}\n")
    mark = started(half, tmp_path)
    later.touch()
    assert half.end()[0] == 3
    assert not running(mark)


def test_a_laptop_of_another_version(half):
    half.mux.take(100)
    half.go_on(lambda: half.link.heard_at is not None)
    half.link.send(b"\1\0\0\0\x09edge\x63\0\1\0\0")
    half.go_on(lambda: half.process.poll() is not None)
    assert half.end() == (3, "edgedeploy link: it speaks version 99, this is 1\r\n")


def test_by_hand_it_says_what_it_is_for(tmp_path):
    program = tmp_path / "edgedeploy-agent"
    program.write_bytes(agentkit.build())
    done = subprocess.run([sys.executable, program, "link"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (2, "usage: edgedeploy-agent link SESSION BAUD, at a serial console\n")
    done = subprocess.run([sys.executable, program, "link", "--offers"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, linkhost.OFFER + "\n")


def test_the_foothold_is_small():
    assert len(agentkit.foothold()) < 10_000, "a person waits while it is typed"


def test_after_a_write_that_the_tty_took_late_the_link_goes_on(monkeypatch):
    """It had waited a second for the far end's next byte: in the middle of a frame, there is none."""
    monkeypatch.setattr(linkhost, "signalled", lambda: os.pipe()[0])
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    host = linkhost.Host(slave, SESSION, BAUD / 10)
    host._out = b"rest"
    host._turn()
    assert select.select([master], [], [], USUAL_S)[0]
    said = os.read(master, 4096)
    assert said.startswith(b"rest\x1e"), "its first beacon was due"
    for fd in (master, slave, host._wake):
        os.close(fd)
