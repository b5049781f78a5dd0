"""The ssh client's command line for a lab board: its own key, its pinned host key, nothing of the user's config."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import identity, tools

KNOWN_HOSTS = "known_hosts"
SHARED = "ssh.sock"
"""in the board's folder: the connection that `run`'s commands share, for a minute; an emulated board needs seconds for a login"""


def argv(folder: Path, host: str, port: int, command: Sequence[str] = (), *, options: Sequence[str] = ()) -> list[str]:
    """`ssh` to root on the board. The command's words are joined by the far shell, as ssh always does."""
    settings = (
        f"UserKnownHostsFile={folder / KNOWN_HOSTS}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        *options,
        "ControlMaster=no",
        "ControlPath=none",
    )
    words = ["ssh", "-F", "none", "-i", str(folder / identity.USER_KEY), "-p", str(port)]
    for setting in settings:
        words += ["-o", setting]
    return [*words, f"root@{host}", *command]


def run(
    folder: Path, host: str, port: int, command: str, *, timeout: float, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command on the board without ever asking anything; raises subprocess.TimeoutExpired."""
    # of a setting that is given twice ssh takes the first. The path is relative: a socket's may not be longer than 107 bytes
    shared = ("ControlMaster=auto", f"ControlPath={SHARED}", "ControlPersist=60")
    options = (*shared, "BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15")
    return subprocess.run(
        argv(folder, host, port, [command], options=options),
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env=tools.environment(),
        check=False,
    )


def greets(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether an SSH server answers there. QEMU's forward accepts connections before the board does."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(64).startswith(b"SSH-")
    except OSError:
        return False


def wait_for_xen(folder: Path, host: str, port: int, deadline: Deadline) -> bool:
    """Wait until `xl list` knows dom0's name: the toolstack's store is up then."""
    while not deadline.expired:
        try:
            done = run(folder, host, port, "xl list", timeout=max(1.0, min(20.0, deadline.remaining)))
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0 and b"Domain-0" in done.stdout:
            return True
        time.sleep(0.3)
    return False
