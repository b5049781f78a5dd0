import os
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.lab import console, process, qmp
from edgedeploy.lab.cable import Cable, Direction


def test_bytes_leave_at_the_rate_of_the_line() -> None:
    way = Direction(1000.0)
    way.put(b"x" * 100, 10.0, 4096)
    assert len(way.take(10.05)) == 50
    assert len(way.take(10.0501)) == 0
    assert len(way.take(10.2)) == 50
    way.put(b"y" * 10, 20.0, 4096)
    assert way.take(20.0) == b"", "a line that was idle has saved nothing up"


def test_a_late_look_loses_nothing_of_the_rate() -> None:
    way = Direction(1000.0)
    way.put(b"x" * 3000, 0.0, 4096)
    assert sum(len(way.take(at)) for at in (0.0105, 0.5, 0.5003, 2.0)) == 2000


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    way = Direction(1000.0)
    way.put(b"abcdef", 0.0, 4)
    assert (way.take(1.0), way.dropped) == (b"abcd", 2)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A board's end of its console, as QEMU has it."""
    monkeypatch.setattr(process, "running", lambda _: 1)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "serial.sock"))
    listener.listen()
    with listener:
        yield listener


def test_a_cable_is_a_tty_that_joins_both_ends(tmp_path: Path, board: socket.socket) -> None:
    with Cable(tmp_path, "virtual", 115200) as cable:
        far, _ = board.accept()
        device = os.path.realpath(cable.link)
        with far, open(device, "r+b", buffering=0) as laptop:
            tty.setraw(laptop)
            told = threading.Event()

            def carry() -> None:
                while not told.is_set():
                    cable.carry(0.05)

            carrier = threading.Thread(target=carry, daemon=True)
            carrier.start()
            laptop.write(b"uptime\r")
            assert far.recv(100) == b"uptime\r"
            far.sendall(bytes(range(256)))
            got = b""
            while len(got) < 256:
                got += laptop.read(256)
            assert got == bytes(range(256))
            told.set()
            carrier.join()
    assert not cable.link.is_symlink()


def test_a_second_program_is_told_who_has_the_console(tmp_path: Path, board: socket.socket) -> None:
    with Cable(tmp_path, "virtual"), pytest.raises(errors.BoardFault, match=r"edgedeploy lab cable .* has virtual's console"):
        console.attach(tmp_path, "virtual")
    with Cable(tmp_path, "virtual"):
        pass  # free again


def test_a_board_that_is_off_has_no_network_cable_to_pull(tmp_path: Path) -> None:
    with pytest.raises(errors.BoardFault, match="cannot be asked"):
        qmp.set_link(tmp_path, up=False)
