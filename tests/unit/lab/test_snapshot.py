import io
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.lab import board, folders, process, qemu, qmp, shelf, snapshot
from edgedeploy.ui.plain_report import QuietReport


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "cache"))


def record(name: str, network: str = "user") -> Path:
    folder = folders.machines() / name
    folder.mkdir(parents=True)
    made = board.Machine(name, folder, "127.0.0.1", 2222, {}, network, "abc")
    (folder / "machine.json").write_text(json.dumps(made.as_dict()))
    return folder


class Qemu:
    """Answers on a control socket as QEMU does, and remembers what it was asked."""

    def __init__(self, folder: Path, refuses: str = "", status: str = "completed") -> None:
        self.asked: list[str] = []
        self._refuses, self._status = refuses, status
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "qmp.sock"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b'{"QMP": {}}\n')
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        descriptor = -1
        while True:
            data, sent, _, _ = socket.recv_fds(connection, 65536, 1)
            descriptor = sent[0] if sent else descriptor
            if not data:
                return
            command = json.loads(data)["execute"]
            self.asked.append(command)
            if command == "migrate":
                os.write(descriptor, b"all of its memory")
                os.close(descriptor)
            answer = {"error": {"desc": "no"}} if command == self._refuses else {"return": {"status": self._status}}
            connection.sendall(b'{"event": "STOP"}\n' + json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def furnished(folder: Path) -> None:
    for name in (*shelf.BOOT, "id_ed25519", "id_ed25519.pub", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"):
        (folder / name).write_text(name)
    for name in ("machine-id", "image", "disk.raw"):
        (folder / name).write_text(f"{name} of that moment")


def test_a_board_is_kept_while_it_stands_still_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record("virtual")
    furnished(folder)
    monkeypatch.setattr(process, "running", lambda _: 1)
    talked = Qemu(folder)
    kept = snapshot.save("virtual")
    talked.close()
    assert kept == folder / "snapshot"
    assert (kept / "memory").read_bytes() == b"all of its memory"
    assert (kept / "disk.raw").read_text() == "disk.raw of that moment"
    order = [one for one in talked.asked if one in ("stop", "migrate", "cont")]
    assert order == ["stop", "migrate", "cont"]


@pytest.mark.parametrize(("refuses", "status"), [("migrate", "completed"), ("", "failed"), ("stop", "completed")])
def test_one_that_cannot_be_kept_leaves_the_old_one_and_the_board_running(
    monkeypatch: pytest.MonkeyPatch, refuses: str, status: str
) -> None:
    folder = record("virtual")
    furnished(folder)
    (folder / "snapshot").mkdir()
    (folder / "snapshot/memory").write_text("older")
    monkeypatch.setattr(process, "running", lambda _: 1)
    talked = Qemu(folder, refuses, status)
    with pytest.raises(errors.BoardFault):
        snapshot.save("virtual")
    talked.close()
    assert (folder / "snapshot/memory").read_text() == "older"
    assert not (folder / "snapshot.new").exists()
    assert refuses == "stop" or talked.asked[-1] == "cont"


def test_a_board_that_is_off_or_on_a_tap_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    record("virtual")
    with pytest.raises(errors.UsageFault, match="virtual is off"):
        snapshot.save("virtual")
    record("lan", "tap0")
    monkeypatch.setattr(process, "running", lambda _: 1)
    with pytest.raises(errors.UsageFault, match="on the tap tap0"):
        snapshot.save("lan")


def test_there_is_no_way_back_without_a_snapshot() -> None:
    with pytest.raises(errors.NoSuchBoard):
        snapshot.restore("virtual", report=QuietReport(io.StringIO()))
    record("virtual")
    with pytest.raises(errors.UsageFault, match="virtual has no snapshot") as caught:
        snapshot.restore("virtual", report=QuietReport(io.StringIO()))
    assert caught.value.hint == "edgedeploy lab snapshot virtual"


def test_a_machine_goes_on_once_it_has_read_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record("virtual")
    monkeypatch.setattr(process, "running", lambda _: 1)
    talked = Qemu(folder, status="paused")
    assert qmp.go_on(folder)
    talked.close()
    assert talked.asked[-2:] == ["query-status", "cont"]


def test_a_machine_that_ends_instead_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record("virtual")
    monkeypatch.setattr(process, "running", lambda _: None)
    assert not qmp.go_on(folder)


def test_the_same_machine_is_started_with_its_memory() -> None:
    boot = qemu.Boot(Path("xen"), Path("vmlinuz"), Path("initrd"))
    plain = qemu.argv(boot, qemu.User(), qemu.Hardware())
    again = qemu.argv(boot, qemu.User(), qemu.Hardware(), Path("/a b/memory"))
    assert again == [*plain, "-incoming", "exec:cat '/a b/memory'"]
