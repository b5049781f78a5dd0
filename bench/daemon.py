"""A git server at the board's gateway."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from edgedeploy.core import errors
from edgedeploy.lab import ports


class GitDaemon:
    """Serves every repository below a folder, to read only, while entered."""

    def __init__(self, folder: Path, address: str) -> None:
        self._folder, self._address = folder, address
        self.port = ports.choose(["git"], {})["git"]

    def __enter__(self) -> GitDaemon:
        where = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
        argv = [f"{where}/git-daemon", "--export-all", f"--base-path={self._folder}", f"--listen={self._address}"]
        # by its own name and in its own session: what is ended is this process, and Ctrl-C is ours to answer
        self._process = subprocess.Popen(
            [*argv, f"--port={self.port}", str(self._folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for _ in range(100):
            try:
                socket.create_connection((self._address, self.port), timeout=1.0).close()
                return self
            except OSError:
                time.sleep(0.05)
        self._stop()
        raise errors.UsageFault("`git daemon` does not start", hint="it is part of Debian's package git")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()
