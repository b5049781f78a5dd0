"""The serial wire keeps the contract, over a real tty with Debian's own getty, login and shell at its far end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from edgedeploy.core import errors
from edgedeploy.remote import agentkit
from edgedeploy.wires.serial import expect, login, recognise, shell
from edgedeploy.wires.serial.wire import SerialWire
from tests import needs
from tests.contract.serial_board import PASSWORD, PRINTK, SHELL, SYSRQ, Board
from tests.contract.wire_contract import PATIENCE, WireContract, opened, read_all, run, write_on

pytestmark = pytest.mark.contract

BAUD = 1_500_000
"""a pty has none: what it is told is only what the link paces itself to"""


@pytest.fixture(autouse=True, scope="module")
def _can():
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")


@pytest.fixture(autouse=True, scope="module")
def _hasty():
    """No U-Boot counts at the far end and no Xen has a small ring: the waits for those need no test seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognise, "LISTEN", 0.3)
        patch.setattr(recognise, "ANSWER", 0.7)
        patch.setattr(recognise, "SETTLE", 0.15)
        patch.setattr(expect, "_PAUSE", 0.004)
        patch.setattr(shell, "_ECHO", 1.0)
        yield


def wired(board: Board, *, device: str = "", **options: object) -> SerialWire:
    return SerialWire(device or board.port, BAUD, agentkit.foothold(), **{"ask": lambda _: PASSWORD, **options})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with Board(tmp_path_factory.mktemp("board")) as board:
        yield board
        assert board.printk == PRINTK
        assert board.sysrq == SYSRQ
        assert board.heard(b"cubie login: ")


@pytest.fixture(scope="module")
def wires(site: Board) -> Iterator[list[SerialWire]]:
    """The one that is open: to connect takes seconds."""
    wires = [wired(site)]
    yield wires
    wires[0].close()


class TestSerialWire(WireContract):
    big = 500_000

    @pytest.fixture
    def wire(self, request: pytest.FixtureRequest, wires: list[SerialWire], site: Board) -> Iterator[SerialWire]:
        yield wires[0]
        if "closed_wire" in request.node.name:
            wires[0] = wired(site)


@pytest.mark.parametrize("agent", [False, True], ids=["typed", "the installed agent's"])
def test_through_log_lines_and_lost_bytes(tmp_path, agent):
    told: list[str] = []
    kit = agentkit.build() if agent else b""
    with Board(tmp_path, noise=0.1, lose=0.0002, seed=11, agent=kit) as board:
        with wired(board, tell=told.append) as wire:
            data = os.urandom(60_000)
            assert run(wire, "cat", data=data) == (0, b"", data)
            assert board.sysrq == "0\n"
            assert run(wire, "sh", "-c", "ps -o args= -p $PPID")[2].find(b"edgedeploy-agent link" if agent else b"-ISc import sys") > 0
            assert wire.rate > 0
        assert board.cable.cut > 5
        left_as_found(board)
        assert any("starting the link" in line for line in told)


def test_the_boards_half_is_killed_in_mid_transfer_and_the_next_one_starts(tmp_path):
    with Board(tmp_path) as board:
        with wired(board, device=board.port) as wire:
            stream = wire.open(["cat"])
            writer = threading.Thread(target=swallowed, args=(lambda: write_on(stream),))
            writer.start()
            assert stream.read(10_000, PATIENCE)
            children_of_the_board("kill -9 {}", board)
            started = time.monotonic()
            with pytest.raises(errors.Unreachable, match="has ended") as caught:
                read_all(stream)
            assert time.monotonic() - started < 12
            assert caught.value.exit_code == 11
            writer.join(5)
            assert not writer.is_alive()
            with pytest.raises(errors.Unreachable, match="has ended"):
                wire.open(["true"])
        left_as_found(board)
        with wired(board) as wire:
            assert run(wire, "echo", "again")[2] == b"again\n"
        left_as_found(board)


def test_the_cable_is_out_for_a_while_in_mid_transfer(tmp_path):
    told: list[str] = []
    data = os.urandom(150_000)
    with Board(tmp_path) as board, wired(board, device=str(board.by_id), tell=told.append) as wire:
        with opened(wire, "sh", "-c", "sleep 1; cat") as stream:
            writer = threading.Thread(target=lambda: (stream.write(data), stream.close_input()))
            writer.start()
            time.sleep(0.3)
            board.unplug()
            with pytest.raises(TimeoutError):
                stream.read(1, 5.0)
            board.plug()
            assert read_all(stream) == data
            writer.join(5)
            assert stream.finish(PATIENCE) == (0, b"")
        assert told[-2:] == ["the cable is out; waiting for it", "the cable is back"]
        wire.close()
        left_as_found(board)


def test_closing_while_the_cable_is_out_takes_no_time(tmp_path):
    with Board(tmp_path) as board, wired(board) as wire:
        before = threading.active_count()
        stream = wire.open(["cat"])
        assert threading.active_count() == before + 1
        board.unplug()
        time.sleep(0.3)
        started = time.monotonic()
        wire.close()
        assert time.monotonic() - started < 3
        with pytest.raises(errors.WireFault):
            stream.read(1, 1)
        assert threading.active_count() == before - 1, "the cable's thread and the wire's are gone"


def test_a_session_whose_laptop_died_is_sent_away(tmp_path):
    with Board(tmp_path) as board:
        lost = wired(board)
        mark = tmp_path / "mark"
        stream = lost.open(["sh", "-c", f"trap 'echo hung up >{mark}; exit' HUP; echo; while :; do sleep 0.1; done"])
        assert stream.read(1, PATIENCE) == b"\n"
        assert lost._pump
        lost._pump._next = sys.exit  # its thread dies, and never says good-bye
        lost._pump.wake()
        lost._pump._thread.join(5)
        assert lost._port
        lost._port.close()
        with wired(board) as wire:
            assert run(wire, "echo", "mine")[2] == b"mine\n"
        assert mark.read_text() == "hung up\n", "what the lost one had started got a hang-up"
        left_as_found(board)


def test_a_board_that_restarts_is_not_typed_at_and_said(tmp_path):
    with Board(tmp_path) as board, wired(board) as wire:
        stream = wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        os.write(board.laptop, b"\r\nU-Boot SPL 2023.01 (Jan 1 2023)\r\nHit any key to stop autoboot:  2 ")
        time.sleep(0.2)
        board.cable.up = b""
        started = time.monotonic()
        with pytest.raises(errors.Unreachable, match="the board has restarted") as caught:
            stream.read(1, PATIENCE)
        assert time.monotonic() - started < 6
        assert any("autoboot" in line for line in caught.value.details)
        wire.close()
        assert board.cable.up == b"", "a key would stop the board's start"


def test_a_board_that_falls_silent_is_told_after_a_few_seconds(tmp_path):
    told = []
    with Board(tmp_path) as board, wired(board, tell=told.append) as wire:
        stream = wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        with pytest.raises(TimeoutError):
            stream.read(1, 8.0)
        assert [words for words in told if "the board says nothing" in words] == told[-1:]
        children_of_the_board("kill -CONT {}", board)
        stream.write(b"still there")
        assert stream.read(100, PATIENCE) == b"still there"
        assert told[-1] == "the board is heard again"


def test_a_wrong_password(tmp_path):
    with Board(tmp_path) as board, wired(board, ask=lambda _: "guess") as wire:
        with pytest.raises(errors.UsageFault, match="wrong password for root"):
            wire.connect()
        assert board.printk == PRINTK


def test_no_python_on_the_board(tmp_path):
    folder = tmp_path / "bin"
    with Board(tmp_path, SHELL.replace("PATH=$PATH", f"PATH={folder}:/usr/bin:/bin"), shell="/bin/sh") as board:
        shadowed = folder / "python3"
        shadowed.write_text("#!/bin/sh\necho 3 9\n")
        shadowed.chmod(0o755)
        wire = wired(board, ask=never)
        with pytest.raises(errors.BoardFault, match=r"Python 3\.9, and at least 3\.11 is needed"):
            wire.connect()
        assert board.printk == PRINTK
        shadowed.write_text("#!/bin/sh\necho python3: not found >&2; exit 127\n")
        with pytest.raises(errors.BoardFault, match="the board has no Python"):
            wire.connect()
        assert board.printk == PRINTK
        assert board.sysrq == SYSRQ


@pytest.mark.parametrize("hangs", ["version_info", "base64"], ids=["the probe", "the loader"])
def test_a_board_whose_python_hangs_is_given_up_in_time(tmp_path, hangs):
    folder = tmp_path / "bin"
    with Board(tmp_path, SHELL.replace("PATH=$PATH", f"PATH={folder}:/usr/bin:/bin"), shell="/bin/sh") as board:
        shadowed = folder / "python3"
        shadowed.write_text(f'#!/bin/sh\ncase "$*" in *{hangs}*) exec sleep 600;; *) echo 3 11;; esac\n')
        shadowed.chmod(0o755)
        started = time.monotonic()
        with pytest.raises(errors.EdgeError, match=r"took too long|loader does not answer"):
            wired(board, ask=never, timeout=10.0).connect()
        assert time.monotonic() - started < 10.0 + login.LEAVING + 3.0


def never(user: str) -> str:
    raise AssertionError(f"there is nothing to ask {user} for")


def left_as_found(board: Board) -> None:
    assert board.printk == PRINTK
    assert board.sysrq == SYSRQ
    assert board.heard(b"cubie login: ")


def children_of_the_board(act: str, board: Board) -> None:
    """Do something to the board's half of the link."""
    found = subprocess.run(["pgrep", "-f", "python3 -ISc import sys,os,select"], capture_output=True, text=True, check=True)
    ours = [pid for pid in found.stdout.split() if os.readlink(f"/proc/{pid}/fd/0") == os.ttyname(board.slave)]
    assert len(ours) == 1
    subprocess.run(act.format(ours[0]).split(), check=True)


def swallowed(act: Callable[[], None]) -> None:
    try:
        act()
    except errors.WireFault:
        pass
