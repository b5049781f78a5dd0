"""A serial port that is ours alone, raw, and given back as it was.

A program that shares a tty with another gets half of the bytes, silently. So the port is taken in every way there
is: the other programs' lock files (/run/lock/LCK..ttyUSB0, as uucp, minicom and cu write them), a look into /proc for whoever
has it open, flock (what pyserial and picocom do) and TIOCEXCL (tty_ioctl(4)).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import struct
import termios
import time
from types import TracebackType
from typing import Any, Self

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import printable
from edgedeploy.wires.serial import port_lock

DRAIN = 1.0
"""seconds that bytes still on their way out may take when the port is closed"""


class SerialPort:
    """An open serial port. Every method raises Unreachable when the port is gone, and after that always."""

    def __init__(self, device: str, baud: int) -> None:
        """Take the port. Raises Unreachable: not there, no permission, held; UsageFault: not a port, not a rate."""
        self.device, self.baud = device, baud
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise errors.UsageFault(f"this computer knows no rate of {baud} baud", hint="usual: 115200, 1500000, 9600")
        self._speed: int = speed
        self._acquire(device)

    def _acquire(self, device: str) -> None:
        self._gone = False
        self._lock = port_lock.Lock(device)
        self._fd = -1
        self._before: list[Any] | None = None
        try:
            # before it is open: until it is raw, the kernel answers the board with an echo of its own words, and to
            # U-Boot any key means stop
            holder = (self._lock.take() or port_lock.holder(device)) if os.path.exists(device) else ""
            self._fd = _open(device)
            if holder:
                raise _held(device, holder)
            self._take(self._speed)
        except BaseException:
            self.close()
            raise

    def reopen(self, device: str) -> None:
        """Take the port again after it vanished, under whatever name it has now. Raises as the first time."""
        self.close()
        self._acquire(device)

    def forget(self) -> None:
        """Throw away what was written and has not left yet. Never raises."""
        if self._fd >= 0:
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)

    def read(self, n: int, timeout: float) -> bytes:
        """1..n bytes as soon as any are there; b"" when none came within `timeout` seconds."""
        if not self._wait(select.POLLIN, timeout):
            return b""
        try:
            data = os.read(self._fd, n)
        except BlockingIOError:
            return b""
        except OSError as fault:
            raise self._vanished() from fault
        if not data:
            raise self._vanished()
        return data

    def write(self, data: bytes, timeout: float = 10.0) -> None:
        """Hand all of `data` to the port. Raises Unreachable when the port takes nothing for `timeout` seconds."""
        view = memoryview(data)
        while view:
            if not self._wait(select.POLLOUT, timeout):
                raise errors.Unreachable(
                    f"serial port {self.device} takes no bytes", hint="unplug the cable and plug it in again"
                )
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                continue
            except OSError as fault:
                raise self._vanished() from fault

    def send_break(self) -> None:
        """Hold the line low for a quarter of a second or more (tcsendbreak(3)): a getty's, or SysRq's, attention."""
        try:
            termios.tcsendbreak(self._fd, 0)
        except (OSError, termios.error) as fault:
            raise self._vanished() from fault

    @property
    def vanished(self) -> bool:
        """Whether the port was found gone."""
        return self._gone

    def close(self) -> None:
        """Give the port back with the settings it had. Idempotent, never raises."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            self._lock.release()
            return
        with contextlib.suppress(OSError, termios.error):
            if self._before is not None:
                _drain(fd)
                termios.tcsetattr(fd, termios.TCSANOW, self._before)
                fcntl.ioctl(fd, termios.TIOCNXCL)
        with contextlib.suppress(OSError):
            os.close(fd)
        self._lock.release()

    def fileno(self) -> int:
        """For select."""
        return self._fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, speed: int) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._before = termios.tcgetattr(self._fd)
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
            termios.tcsetattr(self._fd, termios.TCSANOW, _raw(self._before, speed))
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except BlockingIOError as fault:
            raise _held(self.device, "another program") from fault
        except termios.error as fault:
            raise errors.UsageFault(
                f"{self.device} cannot be set to {self.baud} baud: {printable(str(fault.args[-1]), 80)}",
                hint="--port names another port, --baud another rate",
            ) from fault
        except OSError as fault:
            raise self._vanished() from fault

    def _wait(self, event: int, timeout: float) -> bool:
        if self._gone or self._fd < 0:
            raise self._vanished()
        poll = select.poll()
        poll.register(self._fd, event)
        found = poll.poll(max(0.0, timeout) * 1000)
        if found and not found[0][1] & event:  # a hang-up and nothing left to read
            raise self._vanished()
        return bool(found)

    def _vanished(self) -> errors.Unreachable:
        self._gone = True
        return errors.Unreachable(
            f"serial port {self.device} vanished", hint="is the cable still plugged in? plug it in and try again"
        )


def _open(device: str) -> int:
    try:
        fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        raise _cannot_open(device, fault) from fault
    if not os.isatty(fd):
        os.close(fd)
        raise errors.UsageFault(f"{printable(device, 200)} is not a serial port", hint="such as --port /dev/ttyUSB0")
    return fd


def _cannot_open(device: str, fault: OSError) -> errors.EdgeError:
    shown = printable(device, 200)
    if fault.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return errors.Unreachable(f"there is no serial port {shown}", hint="is the cable plugged in?")
    if fault.errno == errno.EBUSY:  # TIOCEXCL of somebody else
        return _held(device, port_lock.holder(device) or "another program")
    if fault.errno in (errno.EACCES, errno.EPERM):
        return errors.Unreachable(
            f"permission denied: serial port {shown}",
            hint=f"join its group, then log in again: sudo adduser $USER {_group(device)}",
        )
    return errors.UsageFault(f"{shown} is not a serial port: {fault.strerror}", hint="such as --port /dev/ttyUSB0")


def _group(device: str) -> str:
    import grp  # noqa: PLC0415 - for one sentence of one error

    with contextlib.suppress(OSError, KeyError):
        info = os.stat(device)
        if stat.S_IMODE(info.st_mode) & stat.S_IWGRP and info.st_gid:
            return grp.getgrgid(info.st_gid).gr_name
    return "dialout"


def _held(device: str, holder: str) -> errors.Unreachable:
    return errors.Unreachable(
        f"serial port {printable(device, 200)} is held by {holder}", hint="end that program, then try again"
    )


def _raw(before: list[Any], speed: int) -> list[Any]:
    """8N1 without flow control, echo or translation; no SIGHUP and no waiting for a modem's carrier (termios(3))."""
    iflag = termios.IGNBRK
    cflag = termios.CS8 | termios.CREAD | termios.CLOCAL
    control = list(before[6])
    control[termios.VMIN], control[termios.VTIME] = 1, 0
    return [iflag, 0, cflag, 0, speed, speed, control]


def _drain(fd: int) -> None:
    deadline = Deadline.after(DRAIN)
    while not deadline.expired:
        (waiting,) = struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0" * 4))
        if not waiting:
            return
        time.sleep(0.01)
