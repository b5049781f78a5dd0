"""What a person reads when the cable does not lead to a shell: the whole command, real ttys, a real U-Boot in QEMU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import needs
from tests.contract.cable_places import NO_GETTY, held, off, pulled_at_the_password, status, theirs, uboot
from tests.contract.serial_board import PASSWORD, Board

pytestmark = pytest.mark.contract


def test_a_board_in_u_boot_is_named_and_not_typed_at(tmp_path: Path) -> None:
    with uboot() as port:
        said = status(tmp_path, port)
    assert said.status == 11, said
    assert "the board is in U-Boot" in said.words


def test_a_wrong_password(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path)) as board:
        said = status(tmp_path / "home", board.port, "not it")
        assert said.status == 2, said
        assert "refuses the log-in: wrong password for root?" in said.words
        assert "not it" not in said.words


def test_a_console_without_a_getty(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path, NO_GETTY, mute=True)) as board:
        said = status(tmp_path / "home", board.port)
    assert said.status == 11, said
    assert "nobody offers a log-in" in said.words
    assert "getty" in said.words


def test_a_board_that_is_off(tmp_path: Path) -> None:
    with off() as port:
        said = status(tmp_path, port)
    assert said.status == 11, said
    assert "nothing answers" in said.words


def test_a_port_that_another_program_holds(tmp_path: Path) -> None:
    with held() as (port, pid):
        said = status(tmp_path, port)
    assert said.status == 11, said
    assert f"is held by sleep (pid {pid})" in said.words


def test_a_port_that_is_none(tmp_path: Path) -> None:
    assert "there is no serial port /dev/ttyUSB77" in status(tmp_path, "/dev/ttyUSB77").words
    said = status(tmp_path, "/dev/null")
    assert (said.status, "is not a serial port" in said.words) == (2, True), said


def test_a_cable_that_is_pulled_while_logging_in(tmp_path: Path) -> None:
    _needs_root()
    with theirs(Board(tmp_path)) as board, pulled_at_the_password(board):
        said = status(tmp_path / "home", board.port, PASSWORD)
    assert said.status == 11, said
    assert "vanished" in said.words


def _needs_root() -> None:
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")
