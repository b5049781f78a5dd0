"""Taking a tty, losing it, giving it back. The ttys are real: ptys of this kernel."""

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.serial import port as serial_port
from edgedeploy.wires.serial import port_lock
from edgedeploy.wires.serial.port import SerialPort


class Tty:
    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.name = os.ttyname(self.slave)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def unplug(self):
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1


@pytest.fixture
def tty(tmp_path, monkeypatch):
    monkeypatch.setattr(port_lock, "LOCKS", tmp_path)
    made = Tty()
    yield made
    made.unplug()


def holder_of(tty, how):
    """A program of its own that has the tty in one of the ways programs do."""
    code = f"import fcntl,os,sys,termios,time; fd=os.open({tty.name!r}, os.O_RDWR|os.O_NOCTTY); {how}; "
    code += "print('has it', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "has it\n"
    return process


def test_the_port_is_not_open_while_its_holder_is_looked_for(tty, monkeypatch):
    """That look takes its time, and until the port is raw the kernel answers the board with an echo of its own words."""

    def nobody(device):
        targets = [port_lock._target(Path("/proc/self/fd") / fd) for fd in os.listdir("/proc/self/fd")]
        assert device not in targets
        return ""

    os.close(tty.slave)
    tty.slave = -1
    monkeypatch.setattr(port_lock, "holder", nobody)
    SerialPort(tty.name, 115200).close()


def test_a_port_that_is_not_there_leaves_no_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(port_lock, "LOCKS", tmp_path)
    for device in ("/dev/ttyUSB77", "/dev/null"):
        with pytest.raises(errors.EdgeError):
            SerialPort(device, 115200)
    assert not list(tmp_path.glob("LCK*"))


def test_bytes_of_all_values_pass_both_ways_unchanged(tty):
    everything = bytes(range(256))
    with SerialPort(tty.name, 115200) as port:
        assert port.read(10, 0) == b""
        os.write(tty.master, everything)
        got = b""
        while len(got) < 256:
            got += port.read(4096, 1)
        assert got == everything
        port.write(everything)
        assert os.read(tty.master, 4096) == everything


@pytest.fixture
def waits(monkeypatch):
    """Milliseconds that the port would have waited; what there is, is there at once."""
    waited = []

    class Poll:
        def __init__(self):
            self.real = select.poll()
            self.register = self.real.register

        def poll(self, milliseconds):
            waited.append(milliseconds)
            return self.real.poll(0)

    names = {"poll": Poll, "POLLIN": select.POLLIN, "POLLOUT": select.POLLOUT}
    monkeypatch.setattr(serial_port, "select", SimpleNamespace(**names))
    return waited


def test_read_waits_no_longer_than_told(tty, waits):
    with SerialPort(tty.name, 115200) as line:
        assert line.read(1, 0.2) == b""
        assert line.read(1, -1.0) == b""
    assert waits == pytest.approx([200, 0])


def test_the_settings_come_back_also_after_an_exception(tty):
    before = tty.settings()
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), SerialPort(tty.name, 9600) as port:  # noqa: PT012
            now = tty.settings()
            assert now != before
            assert now[4] == now[5] == termios.B9600
            assert not now[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
            raise error
        assert tty.settings() == before
        port.close()
        with pytest.raises(errors.Unreachable):
            port.read(1, 0)


def test_a_line_nobody_reads_is_said_in_time_and_the_settings_come_back(tty, waits):
    before = tty.settings()
    with SerialPort(tty.name, 115200) as line, pytest.raises(errors.Unreachable, match="takes no bytes"):
        line.write(b"x" * 1_000_000, timeout=0.3)
    assert set(waits) == {300}
    assert tty.settings() == before


def test_a_port_that_vanishes(tty):
    with SerialPort(tty.name, 115200) as port:
        tty.unplug()
        for _ in range(2):
            with pytest.raises(errors.Unreachable, match=f"{tty.name} vanished") as caught:
                port.read(1, 5)
            assert caught.value.exit_code == 11
            with pytest.raises(errors.Unreachable, match="vanished"):
                port.write(b"x")


@pytest.mark.parametrize(
    "how", ["0", "fcntl.flock(fd, fcntl.LOCK_EX)", "fcntl.ioctl(fd, termios.TIOCEXCL)"], ids=["open", "flock", "excl"]
)
def test_a_program_that_has_the_port_is_named(tty, how):
    process = holder_of(tty, how)
    try:
        with pytest.raises(errors.Unreachable) as caught:
            SerialPort(tty.name, 115200)
        assert caught.value.message.startswith(f"serial port {tty.name} is held by python")
        assert f"(pid {process.pid})" in caught.value.message
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    SerialPort(tty.name, 115200).close()


def test_a_program_that_cannot_be_seen_holds_it_all_the_same(tty, monkeypatch, tmp_path):
    process = holder_of(tty, "fcntl.flock(fd, fcntl.LOCK_EX)")
    monkeypatch.setattr(port_lock, "PROC", tmp_path)
    try:
        with pytest.raises(errors.Unreachable, match="is held by another program"):
            SerialPort(tty.name, 115200)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def lock_file(tty, folder):
    return folder / f"LCK..{tty.name.removeprefix('/dev/').replace('/', '_')}"


def test_our_lock_file_is_there_while_we_have_the_port_and_no_longer(tty, tmp_path):
    with SerialPort(tty.name, 115200):
        assert lock_file(tty, tmp_path).read_text() == f"{os.getpid():>10}\n"
        with pytest.raises(errors.Unreachable, match="is held by"):
            SerialPort(tty.name, 115200)
        assert lock_file(tty, tmp_path).exists()
    assert not lock_file(tty, tmp_path).exists()


@pytest.mark.parametrize("form", [b"%10d\n", b"%d minicom root", "binary"])
def test_other_programs_lock_files_hold(tty, tmp_path, form):
    parent = os.getppid()
    lock_file(tty, tmp_path).write_bytes(parent.to_bytes(4, "little") if form == "binary" else form % parent)
    before = tty.settings()
    with pytest.raises(errors.Unreachable, match=rf"is held by .* \(pid {parent}\)"):
        SerialPort(tty.name, 115200)
    assert lock_file(tty, tmp_path).exists()
    assert tty.settings() == before


@pytest.mark.parametrize("content", [b"", b"rubbish \xff", b"4194304999\n", b"9" * 300])
def test_a_lock_file_of_a_dead_program_does_not(tty, tmp_path, content):
    lock_file(tty, tmp_path).write_bytes(content)
    with SerialPort(tty.name, 115200):
        assert str(os.getpid()) in lock_file(tty, tmp_path).read_text()


def test_a_lock_folder_we_may_not_write_does_not_matter(tty, tmp_path, monkeypatch):
    monkeypatch.setattr(port_lock, "LOCKS", tmp_path / "missing")
    SerialPort(tty.name, 115200).close()


@pytest.mark.parametrize(
    ("device", "cls", "words"),
    [
        ("/dev/ttyUSB77", errors.Unreachable, "there is no serial port /dev/ttyUSB77"),
        ("/dev/null", errors.UsageFault, "is not a serial port"),
        ("/dev", errors.UsageFault, "is not a serial port"),
    ],
)
def test_what_cannot_be_opened(device, cls, words):
    with pytest.raises(cls, match=words) as caught:
        SerialPort(device, 115200)
    assert caught.value.hint


def test_no_permission_names_the_group(tty, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(errors.Unreachable, match="permission denied") as caught:
        SerialPort(tty.name, 115200)
    assert "adduser $USER" in caught.value.hint


def test_a_rate_that_does_not_exist(tty):
    with pytest.raises(errors.UsageFault, match="12345 baud"):
        SerialPort(tty.name, 12345)
