"""Keeps the deploy key for the carriers that git starts: in this process' memory, and in no file, variable or argument.

A carrier asks over a socket in a folder of ours. When this process ends, however that is, the key is gone, and a carrier
that still runs ends with it.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from edgedeploy.core import errors
from edgedeploy.wires.gitssh.deploykey import DeployKey

_NAME = "carrier"
_LONGEST = 104


class Keeper:
    """Answers carriers while it is open. `folder` is one that only this user may enter."""

    def __init__(self, folder: Path, key: DeployKey | None, host_keys: tuple[str, ...]) -> None:
        self._path = folder / _NAME
        self._told = json.dumps({"key": key.text if key else None, "host_keys": host_keys}).encode() + b"\n"
        self._socket = socket.socket(socket.AF_UNIX)
        self._open: list[socket.socket] = []
        self.failure: errors.EdgeError | None = None
        """why the last carrier that failed did so, which git tells in other words"""

    @staticmethod
    def fits(folder: Path) -> bool:
        """Whether its path is short enough for a socket (sun_path of unix(7), and of systems with less)."""
        return len(os.fsencode(folder / _NAME)) < _LONGEST

    @property
    def environment(self) -> dict[str, str]:
        """What has git start a carrier where it would start ssh."""
        command = [sys.executable, "-P", "-m", "edgedeploy.wires.gitssh.carrier", str(self._path)]
        return {"GIT_SSH_COMMAND": shlex.join(command), "GIT_SSH_VARIANT": "ssh"}

    def __enter__(self) -> Self:
        self._socket.bind(str(self._path))
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        for each in self._open:
            each.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return  # closed
            self._open.append(visitor)
            threading.Thread(target=self._answer, args=(visitor,), daemon=True).start()

    def _answer(self, visitor: socket.socket) -> None:
        try:
            visitor.sendall(self._told)
            with visitor.makefile("rb") as said:
                line = said.readline()
        except OSError:
            return
        if line:
            told = json.loads(line)
            kind = errors.by_exit_code(told["code"])
            self.failure = kind(told["message"], hint=told["hint"], details=tuple(told["details"]))
