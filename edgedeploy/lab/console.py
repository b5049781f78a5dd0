"""The serial console of a virtual board on this terminal."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.lab import process
from edgedeploy.ports.terminal import raw, say

ESCAPE = 0x1D  # Ctrl-]
# A pasted text must not outrun the board: Xen's console keeps about 128 bytes, and drops the rest silently.
_CHUNK = 16
_PAUSE = 0.001
_DRAIN = 1.0


def attach(folder: Path, name: str) -> None:
    """Join stdin and stdout with the board's console until Ctrl-], the end of the input, or the board's end.

    Raises BoardFault when the board is off or somebody else has its console.
    """
    with opened(folder, name, "edgedeploy lab console") as connection, raw(sys.stdin.fileno()) as terminal:
        if terminal:
            say(f"[{name}: Ctrl-] leaves, Enter wakes the login]\r\n")
            _nudge(connection)
        _copy(connection, sys.stdin.fileno(), terminal=terminal)
    if terminal:
        say("\r\n")


@contextmanager
def opened(folder: Path, name: str, who: str) -> Iterator[socket.socket]:
    """The board's console, for one program at a time: QEMU would let a second one wait in silence.

    Raises BoardFault when the board is off, or the program that has its console.
    """
    if process.running(folder) is None:
        raise errors.BoardFault(f"{name} is off", hint=f"edgedeploy lab up {name}")
    try:
        with files.locked(folder / "serial.lock", who, wait=False), process.connect(folder, "serial.sock") as connection:
            yield connection
    except files.Busy as busy:
        raise errors.BoardFault(f"{busy.holder or 'another program'} has {name}'s console", hint="end it first") from None
    except ConnectionError as error:
        raise errors.BoardFault(f"cannot open {name}'s console: {error}", hint=f"edgedeploy lab up {name}") from error


def until_escape(data: bytes) -> tuple[bytes, bool]:
    """What comes before the escape key, and whether it was pressed."""
    before, pressed, _ = data.partition(bytes([ESCAPE]))
    return before, bool(pressed)


def send(connection: socket.socket, data: bytes) -> None:
    """Write at a pace the board's console can take."""
    for start in range(0, len(data), _CHUNK):
        connection.sendall(data[start : start + _CHUNK])
        time.sleep(_PAUSE)


def _copy(connection: socket.socket, keyboard: int, *, terminal: bool) -> None:
    ends = None
    while ends is None or time.monotonic() < ends:
        watched: list[socket.socket | int] = [connection] if ends else [connection, keyboard]
        ready, _, _ = select.select(watched, [], [], _DRAIN)
        if connection in ready:
            received = connection.recv(65536)
            if not received:
                return
            os.write(sys.stdout.fileno(), received)
            ends = time.monotonic() + _DRAIN if ends else None
        if keyboard in ready:
            typed = os.read(keyboard, 4096)
            typed, escaped = until_escape(typed) if terminal else (typed, False)
            send(connection, typed)
            if escaped:
                return
            if not typed:  # the end of piped input: what the board still says is worth a second of quiet
                ends = time.monotonic() + _DRAIN


def _nudge(connection: socket.socket) -> None:
    send(connection, b"\r")
