"""Places to which a cable may lead, and what `edgedeploy status` says there. For the tests, and for bench.waits."""

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

from tests import needs
from tests.contract.serial_board import Board

UBOOT = Path("/usr/lib/u-boot/qemu_arm/u-boot.bin")
TIMEOUT = 100
"""seconds: ten times what a log-in takes"""
NO_GETTY = "while sleep 1; do echo '[  512.031415] still here' >{dev}; done"


@dataclass
class Said:
    status: int
    words: str


def status(home: Path, port: str, password: str = "", timeout: int = TIMEOUT) -> Said:
    """What the program says when it has ended by itself; that it does, pytest-timeout guards."""
    env = {
        **os.environ, "EDGEDEPLOY_STATE_DIR": str(home), "EDGEDEPLOY_CONFIG_DIR": str(home / "config"),
        "EDGEDEPLOY_INTERFACES": "127.0.0.1", "EDGEDEPLOY_CONSOLE_PASSWORD": password,
    }  # fmt: skip
    argv = [sys.executable, "-m", "edgedeploy", "status", "--via", "serial", "--port", port, "-t", str(timeout)]
    done = subprocess.run(argv, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL, check=False)
    assert not done.stdout, done
    assert "Traceback" not in done.stderr, done
    assert "hint: " in done.stderr, done
    return Said(done.returncode, done.stderr)


@contextmanager
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


@contextmanager
def off() -> Iterator[str]:
    """A port at whose far end nobody is."""
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    os.close(slave)
    try:
        yield port
    finally:
        os.close(master)


@contextmanager
def held() -> Iterator[tuple[str, int]]:
    """A port that a `sleep` has for itself, and its process."""
    master, slave = pty.openpty()
    port = os.ttyname(slave)
    fcntl.ioctl(slave, termios.TIOCEXCL)
    holder = subprocess.Popen(["sleep", "1000"], stdin=slave)
    os.close(slave)
    try:
        yield port, holder.pid
    finally:
        holder.kill()
        holder.wait()
        os.close(master)


@contextmanager
def theirs(board: Board) -> Iterator[Board]:
    """The board, its port open in no program: not in this one either, or it would be the one that holds it."""
    with board:
        board.let_go()
        yield board


@contextmanager
def pulled_at_the_password(board: Board) -> Iterator[None]:
    """The cable is pulled while somebody logs in."""

    def pull_it() -> None:
        board.until(b"Password: ")
        board.unplug()

    pull = threading.Thread(target=pull_it)
    pull.start()
    try:
        yield
    finally:
        pull.join()
