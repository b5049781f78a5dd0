"""QEMU's control socket: what is done to a running virtual board from outside (QEMU's QMP reference, "set_link")."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.lab import process

NETWORK_DEVICE = "net"
"""the id of the network backend in qemu.argv"""
_PATIENCE = 10.0
_WRITING_S = 120.0


def set_link(folder: Path, *, up: bool) -> None:
    """Pull the board's network cable, or put it back: its kernel sees the carrier go.

    Raises BoardFault when the board is off, or QEMU refuses.
    """
    _ask(folder, "set_link", {"name": NETWORK_DEVICE, "up": up})


@contextmanager
def stopped(folder: Path, memory: Path) -> Iterator[None]:
    """Hold the machine still, with its memory in the file `memory`; it goes on at the end. Raises as `set_link`."""
    with _control(folder) as control:
        control.call("stop")
        try:
            _write_memory(control, memory)
            yield
        finally:
            control.call("cont")


def go_on(folder: Path, timeout: float = 60.0) -> bool:
    """Let a machine go on that was started with a snapshot's memory, once it has read it; False when it cannot."""
    deadline = Deadline.after(timeout)
    while not deadline.expired and process.running(folder) is not None:
        with suppress(errors.BoardFault), _control(folder) as control:
            if control.call("query-status").get("status") != "inmigrate":
                control.call("cont")  # it was standing still when it was kept, and still is
                return True
        time.sleep(0.05)
    return False


def _write_memory(control: _Lines, memory: Path) -> None:
    """QEMU writes to a descriptor that it is sent, so that all is in the file when it says that it is done."""
    with memory.open("wb") as file:
        control.call("getfd", {"fdname": "memory"}, descriptor=file.fileno())
    control.call("migrate-set-parameters", {"max-bandwidth": 1 << 40})  # the default is a polite 128 MiB/s
    control.call("migrate", {"uri": "fd:memory"})
    deadline = Deadline.after(_WRITING_S)
    while (state := control.call("query-migrate").get("status")) != "completed":
        if state in ("failed", "cancelled") or deadline.expired:
            raise errors.BoardFault(
                f"QEMU cannot write the machine's memory to {memory}: {state}", hint="is there room for 500 MB?"
            )
        time.sleep(0.02)


def _ask(folder: Path, command: str, arguments: dict[str, object]) -> None:
    with _control(folder) as control:
        control.call(command, arguments)


@contextmanager
def _control(folder: Path) -> Iterator[_Lines]:
    """A conversation with the board's QEMU; every call raises BoardFault when it is off or says no."""
    try:
        connection = process.connect(folder, "qmp.sock")
    except OSError as error:
        raise _unheard(folder, error) from error
    with connection:
        connection.settimeout(_PATIENCE)
        lines = _Lines(connection, folder)
        lines.next()  # its greeting
        lines.call("qmp_capabilities")
        yield lines


def _unheard(folder: Path, error: Exception) -> errors.BoardFault:
    return errors.BoardFault(
        f"the virtual board in {folder.name} cannot be asked: {error}", hint=f"edgedeploy lab up {folder.name}"
    )


class _Lines:
    """One JSON object a line, both ways."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control = control
        self._folder = folder
        self._unread = b""

    def next(self) -> dict[str, object]:
        try:
            while b"\n" not in self._unread:
                data = self._control.recv(65536)
                if not data:
                    raise ConnectionError("QEMU closed its control socket")
                self._unread += data
            line, _, self._unread = self._unread.partition(b"\n")
            found: dict[str, object] = json.loads(line)
        except (OSError, ValueError) as error:
            raise _unheard(self._folder, error) from error
        return found

    def call(
        self, command: str, arguments: dict[str, object] | None = None, descriptor: int | None = None
    ) -> dict[str, object]:
        """Ask, and wait for the answer; `descriptor` goes along."""
        request = json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n"
        try:
            socket.send_fds(self._control, [request], [] if descriptor is None else [descriptor])
        except OSError as error:
            raise _unheard(self._folder, error) from error
        while "return" not in (answer := self.next()):  # events come in between
            if "error" in answer:
                raise errors.BoardFault(f"QEMU refuses {command}: {answer['error']}")
        found = answer["return"]
        return found if isinstance(found, dict) else {}
