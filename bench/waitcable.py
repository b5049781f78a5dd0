"""Waits at the link over a serial cable: Debian's getty, login and shell at its far end, on a tty."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.waiting import Scene, Wait, told, took
from edgedeploy.core import errors
from edgedeploy.ports.wire import Stream
from edgedeploy.remote import agentkit
from edgedeploy.wires.serial.wire import SerialWire
from tests.contract.serial_board import PASSWORD, Board, children_of_the_board
from tests.contract.wire_contract import PATIENCE, read_all, write_on
from tests.guard import until

BAUD = 115200
RESTARTS = b"\r\nU-Boot SPL 2023.01 (Jan 1 2023)\r\nHit any key to stop autoboot:  2 "


@contextmanager
def linked(folder: Path, said: list[str] | None = None, **quality: int) -> Iterator[tuple[Board, SerialWire]]:
    """A board, and a wire to it that is open; what the wire has to tell goes to `said`. `quality`: the cable's."""
    tell = [] if said is None else said
    with (
        Board(folder, **quality) as board,
        SerialWire(board.port, BAUD, agentkit.foothold(), ask=lambda _: PASSWORD, tell=tell.append) as wire,
    ):
        wire.connect()
        yield board, wire


def _dead(folder: Path) -> Sequence[float]:
    def writes(stream: Stream) -> None:
        with contextlib.suppress(errors.WireFault):
            write_on(stream)

    with linked(folder) as (board, wire):
        stream = wire.open(["cat"])
        writer = threading.Thread(target=writes, args=(stream,))
        writer.start()
        stream.read(10_000, PATIENCE)
        children_of_the_board("kill -9 {}", board)
        seconds = told(lambda: read_all(stream), errors.Unreachable, "has ended")
        writer.join(PATIENCE)
        return [seconds]


def _restarted(folder: Path) -> Sequence[float]:
    with linked(folder) as (board, wire):
        stream = wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        board.says(RESTARTS)
        return [told(lambda: stream.read(1, PATIENCE), errors.Unreachable, "the board has restarted")]


def _silent(folder: Path) -> Sequence[float]:
    said: list[str] = []
    with linked(folder, said) as (board, wire):
        wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        began = time.monotonic()
        until(lambda: any("the board says nothing" in words for words in said), lambda: f"a word about it: {said}")
        seconds = time.monotonic() - began
        children_of_the_board("kill -CONT {}", board)
        return [seconds]


def _out(folder: Path) -> Sequence[float]:
    said: list[str] = []
    with linked(folder, said) as (board, wire):
        wire.open(["cat"])
        board.unplug()
        until(lambda: any("the cable is out; waiting for it" in words for words in said), lambda: f"a word about the cable: {said}")
        return [took(wire.close)]


def _closed(folder: Path) -> Sequence[float]:
    with linked(folder) as (_, wire):
        return [took(wire.open(["sleep", "60"]).close)]


SCENES = (
    Scene((Wait("cable", "the board's half of the link is killed in mid-transfer", "a read says so", 12.0),), _dead),
    Scene((Wait("cable", "the board restarts", "a read says so", 6.0),), _restarted),
    Scene((Wait("cable", "the board falls silent", "a word about it", 8.0),), _silent),
    Scene((Wait("cable", "the cable is out", "the wire is closed", 3.0),), _out),
    Scene((Wait("cable", "a command goes on for a minute", "its stream is closed", 10.0),), _closed),
)
