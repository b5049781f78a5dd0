"""QEMU's control socket: what is done to a running virtual board from outside (QEMU's QMP reference, "set_link")."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.lab import process

NETWORK_DEVICE = "net"
"""the id of the network backend in qemu.argv"""
_PATIENCE = 10.0


def set_link(folder: Path, *, up: bool) -> None:
    """Pull the board's network cable, or put it back: its kernel sees the carrier go.

    Raises BoardFault when the board is off, or QEMU refuses.
    """
    _ask(folder, "set_link", {"name": NETWORK_DEVICE, "up": up})


def _ask(folder: Path, command: str, arguments: dict[str, object]) -> None:
    try:
        with process.connect(folder, "qmp.sock") as control:
            control.settimeout(_PATIENCE)
            lines = _Lines(control)
            lines.next()  # its greeting
            lines.call({"execute": "qmp_capabilities"})
            lines.call({"execute": command, "arguments": arguments})
    except (OSError, ValueError) as error:
        raise errors.BoardFault(
            f"the virtual board in {folder.name} cannot be asked: {error}", hint=f"edgedeploy lab up {folder.name}"
        ) from error


class _Lines:
    """One JSON object a line, both ways."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._unread = b""

    def next(self) -> dict[str, object]:
        while b"\n" not in self._unread:
            data = self._control.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed its control socket")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        found: dict[str, object] = json.loads(line)
        return found

    def call(self, request: dict[str, object]) -> None:
        self._control.sendall(json.dumps(request).encode() + b"\n")
        while "return" not in (answer := self.next()):  # events come in between
            if "error" in answer:
                raise errors.BoardFault(f"QEMU refuses {request['execute']}: {answer['error']}")
