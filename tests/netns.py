"""Network namespaces for tests: a machine of its own for each side, nothing leaves this computer. Needs root."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.guard import USUAL_S
from tests.needs import require

_numbers = count(1)
_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000  # sched.h


class Namespace:
    """A network namespace, deleted at the end together with what still runs in it (ended by its id)."""

    def __init__(self, role: str) -> None:
        self.name = f"ed{os.getpid()}-{next(_numbers)}-{role}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if os.geteuid() != 0 or not shutil.which("ip"):
            require("network namespaces need root and iproute2")
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", "-n", self.name, *words], check=True)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and those that it starts meanwhile, have this namespace's network."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as inside:
            _setns(inside.fileno())
            try:
                yield
            finally:
                _setns(before.fileno())

    def argv(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, timeout: float = USUAL_S) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*command), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, check=False
        )

    def python(self, *words: str, timeout: float = USUAL_S) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, *words, timeout=timeout)

    def spawn(self, argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a program in here; it ends with the namespace."""
        with log.open("ab") as file:
            process = subprocess.Popen(self.argv(*argv), stdout=file, stderr=file, stdin=subprocess.DEVNULL)
        self._stack.callback(_end, process)
        return process


def of_our_own() -> None:
    """From now on this thread, and what it starts, has a network that holds a loopback and nothing else. Needs root."""
    if _libc.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _setns(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def join(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """A cable between two namespaces; both ends up, without duplicate address detection's delay."""
    temporary = f"edt{os.getpid() % 100000}{next(_numbers)}"
    make = ["ip", "link", "add", temporary, "type", "veth", "peer", "name", right_name, "netns", right.name]
    subprocess.run(make, check=True)
    subprocess.run(["ip", "link", "set", temporary, "netns", left.name, "name", left_name], check=True)
    for side, name in ((left, left_name), (right, right_name)):
        side.run("sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0")
        side.ip("link", "set", name, "up")
