"""A board's console without a board: Debian's own agetty, login and shell on a pty, a cable that can be noisy or pulled.

The programs run in namespaces of their own, with an /etc/passwd and a /proc/sys/kernel of their own: nobody logs in to this
machine, and its log level stays what it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import pty
import random
import select
import subprocess
import termios
import threading
import tty
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgedeploy.wires.serial import recognise, text
from tests.guard import until

PASSWORD = "correct horse"
PRINTK = "7\t4\t1\t7\n"
SYSRQ = "438\n"

_ENTER = """
set -e
{first}
mount --bind {d}/passwd /etc/passwd; mount --bind {d}/shadow /etc/shadow; mount --bind {d}/motd /etc/motd
mount --bind {d}/kernel /proc/sys/kernel
mount --bind {d}/bin /usr/local/bin
mount -t tmpfs none /run; : >/run/utmp
hostname cubie
"""
GETTY = "while :; do setsid agetty -L 115200 {tty} vt102; sleep .1; done"
GETTY_WITHOUT_PASSWORD = "while :; do setsid agetty -L -a root 115200 {tty} vt102; sleep .1; done"
SHELL = "setsid -c env -i TERM=vt102 HOME=/ PATH=$PATH {shell} <{dev} >{dev} 2>&1"

NOISE = (
    b"(XEN) d1v0 Unhandled SMC/HVC: 0x84000050\r\n",
    b"[  512.031415] xenbr0: port 2(vif1.0) entered forwarding state\r\r\n",
    b"[  513.271828][  T12] vif vif-1-0 vif1.0: Guest Rx ready\r\r\n",
)


def crypted(password: str) -> str:
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$5$edgedeploy").decode()


class Places:
    """Where in a stream something happens, by the count of its bytes: the same ones in whatever pieces they are read."""

    def __init__(self, every: int, seed: str) -> None:
        """`every`: so many bytes lie between two places on average; 0: it never happens."""
        self.random = random.Random(seed)
        self._every = every
        self._next = self._gap() if every else math.inf

    def _gap(self) -> int:
        return 1 + int(self.random.expovariate(1 / self._every))

    def within(self, count: int) -> Iterator[int]:
        """Those in the next `count` bytes."""
        while self._next < count:
            yield int(self._next)
            self._next += self._gap()
        self._next -= count


class Cable(threading.Thread):
    """Copies between two pty masters; cuts whole log lines in, and loses bytes on the way up, where the seed says."""

    def __init__(self, laptop: int, board: int, *, noise: int, lose: int, seed: int) -> None:
        """`noise`, `lose`: so many bytes lie between two of them on average, 0 for none."""
        super().__init__(daemon=True)
        self.laptop, self.board = laptop, board
        self._noise, self._lose = Places(noise, f"noise {seed}"), Places(lose, f"lose {seed}")
        self._copied = threading.Lock()
        self.down, self.up = b"", b""
        self.cut = self.lost = 0
        self.idle = 0
        self._left = math.inf
        self.stop = threading.Event()

    def taken(self) -> tuple[bytes, bytes]:
        """What went down and up since the last call."""
        with self._copied:
            taken = self.down, self.up
            self.down = self.up = b""
        return taken

    def put_back(self, down: bytes) -> None:
        """Of what was taken."""
        with self._copied:
            self.down = down + self.down

    def break_after(self, count: int) -> None:
        """So many more bytes go up, then nothing is carried any more, in either direction."""
        with self._copied:
            self._left = count

    def drained(self) -> None:
        """Returns when both ends had nothing to say for two rounds: what was said before the call has been carried."""
        before = self.idle
        until(lambda: self.idle >= before + 2, "silence on the cable")

    def run(self) -> None:
        waiting = {self.laptop: b"", self.board: b""}
        for fd in waiting:
            os.set_blocking(fd, False)
        while not self.stop.is_set():
            moved = False
            # a pty may forget to say that it takes bytes again: who waits in a write to one may wait for ever
            held = any(waiting.values())
            select.select([fd for fd in waiting if not waiting[self._other(fd)]], [], [], 0.002 if held else 0.02)
            for fd, size in ((self.laptop, 4096), (self.board, 512)):
                try:
                    other = self._other(fd)
                    if not waiting[other]:
                        waiting[other] = self._carried(fd, os.read(fd, size))
                    moved = True
                    if waiting[other]:
                        waiting[other] = waiting[other][os.write(other, waiting[other]) :]
                except BlockingIOError:
                    continue
                except OSError:  # the getty between two log-ins: the tty is nobody's
                    self.stop.wait(0.02)
            self.idle += not moved

    def _other(self, fd: int) -> int:
        return self.board if fd == self.laptop else self.laptop

    def _carried(self, fd: int, data: bytes) -> bytes:
        with self._copied:
            if fd == self.board:
                self.down += data
            else:
                self.up += data
                self._left -= len(data)
                if self._left <= 0:
                    self.stop.set()
        if fd == self.board:
            return self._noisy(data)
        lost = set(self._lose.within(len(data)))
        self.lost += len(lost)
        return bytes(byte for at, byte in enumerate(data) if at not in lost) if lost else data

    def _noisy(self, data: bytes) -> bytes:
        whole, done = b"", 0
        for at in self._noise.within(len(data)):
            whole += data[done:at] + self._noise.random.choice(NOISE)
            done = at
            self.cut += 1
        return whole + data[done:]


class Board:
    """Use as a context manager. `port` is the laptop's end of the cable."""

    def __init__(
        self, folder: Path, runs: str = GETTY, *, noise: int = 0, lose: int = 0, seed: int = 1,
        agent: bytes = b"", within: Sequence[str] = (), first: str = "", mute: bool = False, **words: str,
    ):  # fmt: skip
        """`within`: a command that everything is started with, `first`: what its namespaces begin with.

        `mute`: nobody offers a prompt there; else it has been offered when the context begins.
        """
        self.folder, self._mute = folder, mute
        lines = [line for line in Path("/etc/shadow").read_text().splitlines() if not line.startswith("root:")]
        users = Path("/etc/passwd").read_text() + "talker:x:1500:1500::/:/bin/bash\n"
        (folder / "passwd").write_text(users)
        accounts = [f"{name}:{crypted(PASSWORD)}:19000:0:99999:7:::" for name in ("root", "talker")]
        (folder / "shadow").write_text("\n".join([*accounts, *lines]) + "\n")
        (folder / "motd").write_text("Welcome # to $ the board> \n\n")
        (folder / "kernel").mkdir()
        for name, value in (("printk", PRINTK), ("sysrq", SYSRQ)):
            (folder / "kernel" / name).write_text(value)
            (folder / "kernel" / name).chmod(0o644)
        (folder / "bin").mkdir()
        if agent:
            (folder / "bin" / "edgedeploy-agent").write_bytes(agent)
            (folder / "bin" / "edgedeploy-agent").chmod(0o755)
        self.master, self.slave = pty.openpty()
        dev = os.ttyname(self.slave)
        self.before = termios.tcgetattr(self.slave)
        script = _ENTER.format(d=folder, first=first) + runs.format(tty=dev.removeprefix("/dev/"), dev=dev, **words)
        self.process = subprocess.Popen(
            [
                *within,
                "unshare",
                "--mount",
                "--uts",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                script,
            ],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        self._quality = {"noise": noise, "lose": lose, "seed": seed}
        self.plug()

    def __enter__(self) -> Board:
        if not self._mute:  # how long a getty takes to start must not decide what a console finds
            until(self._prompts, lambda: f"the board's first prompt after {self.cable.down!r}")
        return self

    def _prompts(self) -> bool:
        return recognise.prompt(text.own(text.plain(self.cable.down)).rpartition("\n")[2]) is not None

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # --kill-child takes the namespace's init, and with it all of it
        self.process.wait()
        self.unplug()
        for fd in (self.master, self.slave):
            os.close(fd)

    def plug(self) -> None:
        """The cable is in: the laptop has a port `port`, whose lasting name is `by_id`."""
        self.laptop, self._laptop_slave = pty.openpty()
        # an UART that nobody has open hears nothing; a new pty would answer the board with an echo of its own words
        tty.setraw(self._laptop_slave)
        self.port = os.ttyname(self._laptop_slave)
        self.by_id.unlink(missing_ok=True)
        self.by_id.symlink_to(self.port)
        self.cable = Cable(self.laptop, self.master, **self._quality)
        self.cable.start()

    def unplug(self) -> None:
        """Pull the cable: the laptop's port is gone, the board hears nothing more."""
        self.cable.stop.set()
        self.cable.join()
        self.by_id.unlink(missing_ok=True)
        for fd in (self.laptop, self._laptop_slave):
            if fd >= 0:
                os.close(fd)
        self.laptop = self._laptop_slave = -1

    def let_go(self) -> None:
        """Have the laptop's port open in no program; until now this one keeps it from hanging up between two."""
        os.close(self._laptop_slave)
        self._laptop_slave = -1

    @property
    def printk(self) -> str:
        return (self.folder / "kernel" / "printk").read_text()

    @property
    def by_id(self) -> Path:
        return self.folder / "usb-adapter"

    @property
    def sysrq(self) -> str:
        return (self.folder / "kernel" / "sysrq").read_text()

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def says(self, words: bytes) -> None:
        """Words that none of its programs wrote: U-Boot's, the kernel's."""
        assert os.write(self.laptop, words) == len(words)

    def stands_at(self, words: bytes) -> None:
        """Wait until `words` are the last that the board wrote."""
        until(lambda: self.cable.down.endswith(words), lambda: f"{words!r} after {self.cable.down[-500:]!r}")

    def until(self, words: bytes) -> bytes:
        """Wait until the board has written `words`, and return what it wrote before them since the last call."""
        said = b""

        def there() -> bool:
            nonlocal said
            said += self.cable.taken()[0]
            return words in said

        until(there, lambda: f"{words!r} from the board, after {said!r}")
        before, _, after = said.partition(words)
        self.cable.put_back(after)
        return before


def children_of_the_board(act: str, board: Board) -> None:
    """Do something to the board's half of the link."""
    half = "python3 -ISc import sys,os,select"
    found = subprocess.run(["pgrep", "-f", half], capture_output=True, text=True, check=True).stdout.split()
    ours = []
    for pid in found:
        with contextlib.suppress(FileNotFoundError):  # another board's may end meanwhile
            if os.readlink(f"/proc/{pid}/fd/0") == os.ttyname(board.slave):
                ours.append(pid)
    assert len(ours) == 1
    subprocess.run(act.format(ours[0]).split(), check=True)
