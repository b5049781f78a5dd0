"""Who has a serial port: lock files as uucp, minicom and cu use them, and /proc."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from edgedeploy.core.names import printable

LOCKS = Path("/run/lock")
PROC = Path("/proc")


class Lock:
    """The lock file /run/lock/LCK..ttyUSB0: ten columns of pid and a line end (FHS 3.0, 5.9).

    Where the folder is not ours to write (it is root's or group dialout's), there is no lock file: flock and
    TIOCEXCL hold the port all the same.
    """

    def __init__(self, device: str, folder: Path | None = None) -> None:
        name = os.path.relpath(os.path.realpath(device), "/dev").replace("/", "_")
        self._path = (folder or LOCKS) / f"LCK..{name}"
        self._ours = False

    def take(self) -> str:
        """Write the lock file. Returns "" when the port is free, else who holds it in words."""
        owner = self._owner()
        if owner == os.getpid():  # another port object of ours, or a pid used again: flock tells
            return ""
        if owner and _alive(owner):
            return program(owner)
        with contextlib.suppress(OSError):
            if owner is not None:  # of a program that has died
                self._path.unlink()
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            self._ours = True
            with os.fdopen(fd, "w") as file:
                file.write(f"{os.getpid():>10}\n")
        return ""

    def release(self) -> None:
        """Take our lock file away. Idempotent, never raises."""
        if self._ours:
            self._ours = False
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _owner(self) -> int | None:
        """The pid in the file; 0 for a file that holds none, None for no file."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(64)
        except OSError:
            return None
        # some programs write the pid as four binary bytes
        text = raw.split()[0] if raw.split() else b""
        if text.isdigit():
            return int(text) if len(text) <= 10 else 0
        return int.from_bytes(raw, "little") if len(raw) == 4 else 0


def holder(device: str) -> str:
    """The program that has `device` open, in words; "" when none is seen. Other users' programs only root sees."""
    wanted = os.path.realpath(device)
    for folder in PROC.glob("[0-9]*/fd"):
        pid = int(folder.parent.name)
        if pid == os.getpid():
            continue
        try:
            names = os.listdir(folder)
        except OSError:  # it ended, or it is not ours to look at
            continue
        if any(_target(folder / name) == wanted for name in names):
            return program(pid)
    return ""


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""


def program(pid: int) -> str:
    """A process in words: `minicom (pid 1234)`."""
    try:
        name = printable((PROC / str(pid) / "comm").read_text(errors="replace").strip(), 40)
    except OSError:
        name = "another program"
    return f"{name} (pid {pid})"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
