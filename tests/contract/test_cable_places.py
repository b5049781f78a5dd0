"""What a person reads when the cable does not lead to a shell: the whole command, real ttys, a real U-Boot in QEMU."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs
from tests.contract.serial_board import Board

pytestmark = pytest.mark.contract

UBOOT = Path("/usr/lib/u-boot/qemu_arm/u-boot.bin")
TIMEOUT = 100
"""seconds: ten times what a log-in takes"""


@dataclass
class Said:
    status: int
    words: str


def status(home: Path, port: str, password: str = "") -> Said:
    """What the program says when it has ended by itself; that it does, pytest-timeout guards."""
    env = {
        **os.environ, "EDGEDEPLOY_STATE_DIR": str(home), "EDGEDEPLOY_CONFIG_DIR": str(home / "config"),
        "EDGEDEPLOY_INTERFACES": "127.0.0.1", "EDGEDEPLOY_CONSOLE_PASSWORD": password,
    }  # fmt: skip
    argv = [sys.executable, "-m", "edgedeploy", "status", "--via", "serial", "--port", port, "-t", str(TIMEOUT)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, check=False)
    assert not done.stdout, done
    assert "Traceback" not in done.stderr, done
    assert "hint: " in done.stderr, done
    return Said(done.returncode, done.stderr)


@pytest.fixture
def uboot() -> Iterator[str]:
    """A board that has just been switched on, and has nothing to boot from."""
    qemu = shutil.which("qemu-system-arm")
    if not qemu or not UBOOT.exists():
        needs.require("u-boot-qemu and qemu-system-arm are not installed")
    argv = [qemu, "-M", "virt", "-m", "128", "-display", "none", "-nodefaults", "-bios", str(UBOOT), "-serial", "pty"]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as run:
        try:
            assert run.stdout
            found = re.search(r"(/dev/pts/\d+)", run.stdout.readline())
            assert found
            yield found[1]
        finally:
            run.kill()


def test_a_board_in_u_boot_is_named_and_not_typed_at(uboot: str, tmp_path: Path) -> None:
    said = status(tmp_path, uboot)
    assert said.status == 11, said
    assert "the board is in U-Boot" in said.words


def test_a_wrong_password(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path)) as board:
        said = status(tmp_path / "home", board.port, "not it")
        assert said.status == 2, said
        assert "refuses the log-in: wrong password for root?" in said.words
        assert "not it" not in said.words


def test_a_console_without_a_getty(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path, "while sleep 1; do echo '[  512.031415] still here' >{dev}; done")) as board:
        said = status(tmp_path / "home", board.port)
    assert said.status == 11, said
    assert "nobody offers a log-in" in said.words
    assert "getty" in said.words


def test_a_board_that_is_off(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    os.close(slave)
    try:
        said = status(tmp_path, port)
    finally:
        os.close(master)
    assert said.status == 11, said
    assert "nothing answers" in said.words


def test_a_port_that_another_program_holds(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    fcntl.ioctl(slave, termios.TIOCEXCL)
    holder = subprocess.Popen(["sleep", "1000"], stdin=slave)
    try:
        os.close(slave)
        said = status(tmp_path, port)
    finally:
        holder.kill()
        holder.wait()
        os.close(master)
    assert said.status == 11, said
    assert f"is held by sleep (pid {holder.pid})" in said.words


def test_a_port_that_is_none(tmp_path: Path) -> None:
    assert "there is no serial port /dev/ttyUSB77" in status(tmp_path, "/dev/ttyUSB77").words
    said = status(tmp_path, "/dev/null")
    assert (said.status, "is not a serial port" in said.words) == (2, True), said


def test_a_cable_that_is_pulled_while_logging_in(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path)) as board:

        def pull_it() -> None:
            board.until(b"Password: ")
            board.unplug()

        pull = threading.Thread(target=pull_it)
        pull.start()
        said = status(tmp_path / "home", board.port, "correct horse")
        pull.join()
    assert said.status == 11, said
    assert "vanished" in said.words


@contextmanager
def theirs(board: Board) -> Iterator[Board]:
    """The board, its port open in no program: not in this one either, or it would be the one that holds it."""
    with board:
        board.let_go()
        yield board


def _needs_root() -> None:
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")
