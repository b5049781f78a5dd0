"""The QEMU process of one board: started so that it outlives us, found again and ended by its own pid only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import ssh, tools

PID = "qemu.pid"
LOG = "qemu.log"


def start(folder: Path, argv: Sequence[str]) -> int:
    """Start QEMU in the board's folder and its own session, so that Ctrl-C and our end leave it alone."""
    for name in ("serial.sock", "qmp.sock", ssh.SHARED):
        (folder / name).unlink(missing_ok=True)
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=tools.environment(),
        )
    (folder / PID).write_text(f"{process.pid} {_born(process.pid)}\n")
    # Not ours to wait for; without this Python warns about a child it forgets. A zombie counts as ended in running().
    process.returncode = 0
    return process.pid


def running(folder: Path) -> int | None:
    """The pid of the board's QEMU, if that process really is the one we started."""
    try:
        number, started = (folder / PID).read_text().split()
        pid = int(number)
    except (FileNotFoundError, ValueError):
        return None
    # The pid may be somebody else's by now: a start time is as good as a birth certificate.
    return pid if started and _born(pid) == started else None


def stop(folder: Path, patience: float = 5.0) -> bool:
    """End the board's QEMU; False if there was none."""
    pid = running(folder)
    if pid is None:
        (folder / PID).unlink(missing_ok=True)
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait(folder, Deadline.after(patience)):
            break
    (folder / PID).unlink(missing_ok=True)
    (folder / ssh.SHARED).unlink(missing_ok=True)  # whoever listens there has lost its board
    return True


def wait(folder: Path, deadline: Deadline) -> bool:
    """Wait until the board's QEMU has ended."""
    while True:
        if running(folder) is None:
            return True
        if deadline.expired:
            return False
        time.sleep(0.05)


def ready(folder: Path, timeout: float = 10.0) -> bool:
    """Wait until QEMU has set up its machine: it greets on its control socket then, not when it opens it."""
    deadline = Deadline.after(timeout)
    while not deadline.expired and running(folder) is not None:
        try:
            with connect(folder, "qmp.sock") as control:
                control.settimeout(max(0.1, deadline.remaining))
                if b"QMP" in control.recv(512):
                    return True
        except OSError:
            time.sleep(0.03)
    return False


def connect(folder: Path, name: str) -> socket.socket:
    """Connect to one of the board's unix sockets, however long its path is (the limit is 107 bytes)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(descriptor)
    return connection


def _born(pid: int) -> str:
    """When a process started, in ticks since boot; empty for one that is gone or only waits to be reaped."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        # The program's name, in parentheses, may contain anything; what follows the last one is regular.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    gone = fields[0] in ("Z", "X") and _threads(pid) <= 1
    return "" if gone else fields[19]


def _threads(pid: int) -> int:
    """A process whose first thread has ended looks like a zombie while the others still hold its disk and ports."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0
