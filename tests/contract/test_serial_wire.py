"""The serial wire keeps the contract, over a real tty with Debian's own getty, login and shell at its far end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from edgedeploy.core import deadline, errors
from edgedeploy.remote import agentkit
from edgedeploy.wires.serial import expect, pump, shell
from edgedeploy.wires.serial.wire import SerialWire
from tests import needs
from tests.contract.hurry import hurry
from tests.contract.leaping import Leaping
from tests.contract.serial_board import PASSWORD, PRINTK, SHELL, SYSRQ, Board, children_of_the_board
from tests.contract.wire_contract import PATIENCE, WireContract, opened, read_all, run, write_on
from tests.guard import until

pytestmark = pytest.mark.contract

BAUD = 1_500_000
"""a pty has none: what it is told is only what the link paces itself to"""


@pytest.fixture(autouse=True, scope="module")
def _can():
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty"):
        needs.require("namespaces need root, and Debian's agetty")


@pytest.fixture(autouse=True, scope="module")
def _hasty():
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch.setattr)
        yield


def wired(board: Board, *, device: str = "", **options: object) -> SerialWire:
    return SerialWire(device or board.port, BAUD, agentkit.foothold(), **{"ask": lambda _: PASSWORD, **options})


@pytest.fixture(scope="class")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    with Board(tmp_path_factory.mktemp("board")) as board:
        yield board
        left_as_found(board)


@pytest.fixture(scope="class")
def wires(site: Board) -> Iterator[list[SerialWire]]:
    """The one that is open: to connect takes seconds. Closed before other tests let its clock leap."""
    wires = [wired(site)]
    yield wires
    wires[0].close()


@pytest.mark.xdist_group("the one serial wire that is open")
class TestSerialWire(WireContract):
    big = 500_000

    @pytest.fixture
    def wire(self, request: pytest.FixtureRequest, wires: list[SerialWire], site: Board) -> Iterator[SerialWire]:
        yield wires[0]
        if "closed_wire" in request.node.name:
            wires[0] = wired(site)


@pytest.mark.parametrize("agent", [False, True], ids=["typed", "the installed agent's"])
def test_through_log_lines_and_lost_bytes(monkeypatch, tmp_path, agent):
    monkeypatch.setattr(shell, "_ECHO", 2.0)  # each key that is lost costs that much
    told: list[str] = []
    kit = agentkit.build() if agent else b""
    with Board(tmp_path, noise=2000, lose=5000, seed=11, agent=kit) as board:
        with wired(board, tell=told.append) as wire:
            data = os.urandom(60_000)
            assert run(wire, "cat", data=data) == (0, b"", data)
            assert board.sysrq == "0\n"
            assert (
                run(wire, "sh", "-c", "ps -o args= -p $PPID")[2].find(
                    b"edgedeploy-agent link" if agent else b"-ISc import sys"
                )
                > 0
            )
            assert wire.rate > 0
        assert board.cable.cut > 5
        assert board.cable.lost > 5
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
            with pytest.raises(errors.Unreachable, match="has ended") as caught:
                read_all(stream)
            assert caught.value.exit_code == 11
            writer.join(PATIENCE)
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
    plugged = tmp_path / "plugged"
    with Board(tmp_path) as board, wired(board, device=str(board.by_id), tell=told.append) as wire:
        with opened(wire, "sh", "-c", 'until [ -e "$0" ]; do sleep 0.1; done; cat', str(plugged)) as stream:
            board.cable.break_after(20_000)
            writer = threading.Thread(target=lambda: (stream.write(data), stream.close_input()))
            writer.start()
            board.cable.join(PATIENCE)
            board.unplug()
            until(lambda: told and told[-1].startswith("the cable is out; waiting for it"), lambda: f"a word about the cable: {told}")
            with pytest.raises(TimeoutError):
                stream.read(1, 2.0)  # for longer than the link goes on without hearing the board
            plugged.touch()
            board.plug()
            assert read_all(stream) == data
            writer.join(PATIENCE)
            assert stream.finish(PATIENCE) == (0, b"")
        until(lambda: told[-1:] == ["the cable is back"], lambda: f"{told}")
        assert told[-2].startswith("the cable is out; waiting for it")
        wire.close()
        left_as_found(board)


def test_closing_while_the_cable_is_out_waits_for_nobody(monkeypatch, tmp_path):
    told: list[str] = []
    with Board(tmp_path) as board, wired(board, tell=told.append) as wire:
        before = threading.active_count()
        stream = wire.open(["cat"])
        assert threading.active_count() == before + 1
        board.unplug()
        until(lambda: told and told[-1].startswith("the cable is out; waiting for it"), lambda: f"a word about the cable: {told}")
        with monkeypatch.context() as patch:
            for act in ("type", "until", "look"):
                patch.setattr(expect.Expect, act, nobody_hears)
            wire.close()
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
        lost._pump._thread.join(PATIENCE)
        assert lost._port
        lost._port.close()
        with wired(board) as wire:
            assert run(wire, "echo", "mine")[2] == b"mine\n"
        until(lambda: mark.exists() and mark.read_text() == "hung up\n", "a hang-up for what the lost one had started")
        left_as_found(board)


def test_a_board_that_restarts_is_not_typed_at_and_said(tmp_path):
    with Board(tmp_path) as board, wired(board) as wire:
        stream = wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        board.says(b"\r\nU-Boot SPL 2023.01 (Jan 1 2023)\r\nHit any key to stop autoboot:  2 ")
        until(lambda: "autoboot" in str(wire.heard), lambda: f"U-Boot's words: {wire.heard}")
        board.cable.drained()
        board.cable.taken()
        with pytest.raises(errors.Unreachable, match="the board has restarted") as caught:
            stream.read(1, PATIENCE)
        assert any("autoboot" in line for line in caught.value.details)
        wire.close()
        board.cable.drained()
        assert board.cable.taken()[1] == b"", "a key would stop the board's start"


def test_a_board_that_falls_silent_is_told_after_a_few_seconds(monkeypatch, tmp_path):
    told = []
    clock = Leaping(monkeypatch, pump)
    with Board(tmp_path) as board, wired(board, tell=told.append) as wire:
        stream = wire.open(["cat"])
        children_of_the_board("kill -STOP {}", board)
        clock.leap(7)
        until(lambda: "the board says nothing" in told[-1], lambda: f"a word about the silence: {told}")
        assert sum("the board says nothing" in words for words in told) == 1
        with pytest.raises(TimeoutError):
            stream.read(1, 0.2)
        children_of_the_board("kill -CONT {}", board)
        stream.write(b"still there")
        assert stream.read(100, PATIENCE) == b"still there"
        until(lambda: told[-1] == "the board is heard again", lambda: f"a word about the silence's end: {told}")


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
def test_a_board_whose_python_hangs_is_given_up_in_time(monkeypatch, tmp_path, hangs):
    folder, begun = tmp_path / "bin", tmp_path / "begun"
    clock = Leaping(monkeypatch, deadline)
    with Board(tmp_path, SHELL.replace("PATH=$PATH", f"PATH={folder}:/usr/bin:/bin"), shell="/bin/sh") as board:
        shadowed = folder / "python3"
        shadowed.write_text(
            f'#!/bin/sh\ncase "$*" in *{hangs}*) echo >{begun}; exec sleep 1000;; *) echo 3 11;; esac\n'
        )
        shadowed.chmod(0o755)
        with (
            clock.leaps(
                100, begun.exists, "the board's Python begins", on=True
            ),  # it does not hear the leave-taking either
            pytest.raises(errors.EdgeError, match=r"took too long|loader does not answer"),
        ):
            wired(board, ask=never, timeout=100).connect()


def never(user: str) -> str:
    raise AssertionError(f"there is nothing to ask {user} for")


def nobody_hears(*_: object) -> None:
    raise AssertionError("the cable is out: whoever says something, or waits for an answer, does so in vain")


def left_as_found(board: Board) -> None:
    assert board.printk == PRINTK
    assert board.sysrq == SYSRQ
    board.stands_at(b"cubie login: ")


def swallowed(act: Callable[[], None]) -> None:
    try:
        act()
    except errors.WireFault:
        pass
