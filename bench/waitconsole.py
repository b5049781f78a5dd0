"""Waits at a console that does not let us in: for its log-in, and of the whole command."""

from __future__ import annotations

import termios
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.waitcable import BAUD
from bench.waiting import Scene, Wait, told, took
from edgedeploy.core import errors
from edgedeploy.wires.serial.login import Console
from edgedeploy.wires.serial.port import SerialPort
from tests.contract import cable_places as places
from tests.contract.serial_board import GETTY_WITHOUT_PASSWORD, PASSWORD, Board

LOG_IN, STATUS = "console", "`edgedeploy status`"
TIMEOUT, OVER = 25, 10
"""seconds: --timeout, and what the program may take on top of it"""


def _wrong(folder: Path) -> Sequence[float]:
    with Board(folder) as board, SerialPort(board.port, BAUD) as port:
        console = Console(port, ask=lambda _: "no")
        return [told(console.__enter__, errors.UsageFault, "wrong password for root")]


def _no_getty(echoes: bool, folder: Path) -> Sequence[float]:
    with Board(folder, "sleep 600", mute=True) as board, SerialPort(board.port, BAUD) as port:
        settings = termios.tcgetattr(board.slave)
        settings[3] = settings[3] | termios.ECHO if echoes else settings[3] & ~termios.ECHO
        termios.tcsetattr(board.slave, termios.TCSANOW, settings)
        words = "nobody offers a log-in" if echoes else "nothing answers"
        return [told(Console(port, ask=lambda _: None).__enter__, errors.Unreachable, words)]


def _pulled(folder: Path) -> Sequence[float]:
    with Board(folder, GETTY_WITHOUT_PASSWORD) as board, SerialPort(board.port, BAUD) as port:
        session = ExitStack()
        shell = session.enter_context(Console(port, ask=lambda _: None))
        shell.run("true")

        def stay() -> None:
            with session:
                board.unplug()
                shell.run("id")

        return [told(stay, errors.Unreachable, "vanished")]


def _status(folder: Path, port: str, words: str, password: str = "") -> Sequence[float]:
    said: list[places.Said] = []
    seconds = took(lambda: said.append(places.status(folder / "home", port, password, TIMEOUT)))
    assert words in said[0].words, said
    return [seconds]


def _in_uboot(folder: Path) -> Sequence[float]:
    with places.uboot() as port:
        return _status(folder, port, "the board is in U-Boot")


def _refused(folder: Path) -> Sequence[float]:
    with places.theirs(Board(folder)) as board:
        return _status(folder, board.port, "wrong password for root?", "not it")


def _kernel_alone(folder: Path) -> Sequence[float]:
    with places.theirs(Board(folder, places.NO_GETTY, mute=True)) as board:
        return _status(folder, board.port, "nobody offers a log-in")


def _off(folder: Path) -> Sequence[float]:
    with places.off() as port:
        return _status(folder, port, "nothing answers")


def _held(folder: Path) -> Sequence[float]:
    with places.held() as (port, _):
        return _status(folder, port, "is held by sleep")


def _pulled_at_the_password(folder: Path) -> Sequence[float]:
    with places.theirs(Board(folder)) as board, places.pulled_at_the_password(board):
        return _status(folder, board.port, "vanished", PASSWORD)


SCENES = (
    Scene((Wait(LOG_IN, "the password is wrong", "that is said", 12.0),), _wrong),
    Scene((Wait(LOG_IN, "no getty, and no echo", "that is said", 12.0),), partial(_no_getty, False)),
    Scene((Wait(LOG_IN, "no getty, and an echo", "that is said", 12.0),), partial(_no_getty, True)),
    Scene((Wait(LOG_IN, "the cable is pulled at the shell", "that is said", 15.0),), _pulled),
    *(
        Scene((Wait(STATUS, happens, "it ends, and says so", target),), play)
        for happens, target, play in (
            ("the board is in U-Boot", TIMEOUT + OVER, _in_uboot),
            ("the password is wrong", TIMEOUT + OVER, _refused),
            ("a kernel's log, and no getty", TIMEOUT + OVER, _kernel_alone),
            ("the board is off", TIMEOUT + OVER, _off),
            ("another program holds the port", OVER, _held),
            ("the cable is pulled at the password", TIMEOUT + OVER, _pulled_at_the_password),
        )
    ),
)
