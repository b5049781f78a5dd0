"""A serial cable to the virtual board, plugged in as a person does it: `edgedeploy lab cable` in a terminal of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from edgedeploy.lab import board as lab
from tests import guard
from tests.board.stage import Stage


class Cable:
    """Use as a context manager. `port` stays the same name when it is pulled and plugged in again."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.port: Path = stage.machine.folder / "cable"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.stage.env["EDGEDEPLOY_CONSOLE_PASSWORD"] = lab.CONSOLE_PASSWORD
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.stage.env["EDGEDEPLOY_CONSOLE_PASSWORD"]
        self.pull()

    def plug(self) -> None:
        """Plug it in, and wait until it is."""
        self._process = self.stage.start("lab", "cable")
        waiting = guard.Guard("the cable is plugged in", 200)
        while not self.port.exists():
            assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
            waiting.turn()

    def pull(self) -> None:
        """Pull it: a hang-up for whoever has the port."""
        if self._process:
            self._process.terminate()
            self._process.communicate(timeout=200)
            self._process = None
