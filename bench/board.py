"""The virtual board of one bench run: booted by `edgedeploy lab up`, in folders of its own, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from edgedeploy.core import errors
from edgedeploy.lab import board as lab
from edgedeploy.lab import process

NAME = "bench"
GUESTS = {"ours": "10.0.2.20", "original": "10.0.2.21", "bare": "10.0.2.22", "inplace": "10.0.2.23"}
GATEWAY = "10.0.2.2"
MEMORY = 96
"""megabytes; what the sample talk asks for"""


def edgedeploy(*words: str) -> list[str]:
    """The command line of the product, as installed beside this Python."""
    return [sys.executable, "-m", "edgedeploy", *words]


class Board:
    """A board while entered. The user's boards and keys stay out of it; the image's cache is the user's.

    On a `tap` it is asked for on `interface`, else it is on QEMU's own network.
    """

    def __init__(self, tap: str = "", interface: str = "127.0.0.1") -> None:
        self._network = ("--tap", tap) if tap else ()
        self._interface = interface

    def __enter__(self) -> Board:
        self.folder = Path(tempfile.mkdtemp(prefix="edgedeploy-bench-"))
        os.environ |= {
            "EDGEDEPLOY_STATE_DIR": str(self.folder / "state"),
            "EDGEDEPLOY_CONFIG_DIR": str(self.folder / "config"),
            "EDGEDEPLOY_INTERFACES": self._interface,
        }
        self.ends = ExitStack()
        """what else is to end with the board"""
        try:
            self.edgedeploy("lab", "up", NAME, *self._network)
            self.machine = lab.load(NAME)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # an impatient second Ctrl-C must not leave a board behind
            signal.signal(number, signal.SIG_IGN)
        self.ends.close()
        subprocess.run(edgedeploy("-q", "lab", "down", NAME, "--delete"), check=False, capture_output=True)
        process.stop(lab.folder_of(NAME))  # where `lab up` was cut short, there is a process but no board on record
        shutil.rmtree(self.folder, ignore_errors=True)

    def edgedeploy(self, *words: str) -> None:
        """Run the product; its progress goes to the terminal. Raises errors.BoardFault."""
        status = subprocess.run(edgedeploy(*words), stdout=subprocess.DEVNULL, check=False).returncode
        if status:
            raise errors.BoardFault(f"`edgedeploy {' '.join(words)}` ended with status {status}")

    def run(self, command: str, data: bytes = b"") -> str:
        """Run a shell command on the board. Raises errors.BoardFault."""
        done = self.machine.run(command, timeout=180.0, stdin=data)
        if done.returncode:
            lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
            raise errors.BoardFault(
                f"`{command}` on the board ended with status {done.returncode}", details=tuple(lines[-8:])
            )
        return done.stdout.decode(errors="replace")

    def put(self, data: bytes, path: str) -> None:
        """Write a file on the board."""
        self.run(f"mkdir -p {path.rpartition('/')[0]} && cat > {path}", data)

    def argv(self, command: str) -> list[str]:
        """The ssh command line of a shell command on the board."""
        return self.machine.ssh_argv([command], options=["BatchMode=yes", "LogLevel=ERROR"])

    def url(self, guest: str) -> str:
        """Where a guest is seen from this computer."""
        return self.machine.url(guest)

    def quieten(self) -> None:
        """Nothing but what is measured may start a deployment: cron is stopped."""
        self.run("pkill -x cron || true")

    def xen_version(self) -> str:
        """As the board's hypervisor says."""
        return self.run("xl info xen_version").strip()
