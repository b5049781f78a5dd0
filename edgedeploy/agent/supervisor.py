"""One release as a process of this machine: starts it, keeps its console, knows what became of it, and ends all it has started.

A program of its own, which outlives the deployment that started it: see processes.py, which is the only one to call it. Its
state is one file; whoever reads that asks the kernel whether its process is still there.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgedeploy.agent import confine
from edgedeploy.core import cpioread, files

_SUBREAPER = 36  # linux/prctl.h
_LOOK_S = 1.0
"""how often it is looked whether something is left to be reaped"""


def main(order: dict[str, Any], told: int) -> None:
    """What processes.Processes.create starts. `told` is a descriptor: it is closed once the process runs, after why it does not."""
    if os.fork():  # it belongs to nobody: who started it need not wait for it
        os._exit(0)
    try:
        supervisor = Supervisor(order)
        supervisor.start()
    except (OSError, ValueError) as error:
        os.write(told, str(error).encode(errors="replace")[:1000] or b"it could not be started")
        raise SystemExit(1) from None
    os.close(told)
    supervisor.run()


class Supervisor:
    """`order`: record (file), work (folder), program, arguments, ramdisk ("" : none), env, user and port
    (as confine.apply takes them), and what the record is to say."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._record, self._work = Path(order["record"]), Path(order["work"])
        self._doomed = False
        self._output = self._console = -1
        self._terminals: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Lay out its files, and start it. Raises OSError, ValueError: then nothing is left."""
        _prctl(_SUBREAPER, 1)
        signal.signal(signal.SIGTERM, self._end)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(mode=0o700, parents=True)
        try:
            if self._order["ramdisk"]:
                cpioread.unpack(Path(self._order["ramdisk"]).read_bytes(), self._work)
            user = int(self._order["user"])
            if user:
                _given(self._work, user)
            program = os.open(self._order["program"], os.O_RDONLY)  # by this it is found in a namespace, and by a user, of its own
            self._output, theirs = os.openpty()
            if user:
                os.fchown(theirs, user, -1)  # it may open it by its name, too: /dev/stdout
            self._console, self._reader = os.openpty()  # the reader's end stays open here: nobody needs to be there
            tty.setraw(self._reader)
            for terminal in (self._output, self._console):
                os.set_blocking(terminal, False)
            self._terminals = [self._output, self._console]
            port, memory = int(self._order["port"]), int(self._order["says"]["memory_mb"])
            self._process = subprocess.Popen(
                [self._order["program"], *self._order["arguments"]], executable=f"/proc/self/fd/{program}", pass_fds=(program,),
                stdin=theirs, stdout=theirs, stderr=theirs, cwd=self._work, env=self._order["env"], start_new_session=True,
                preexec_fn=lambda: self._restricted(program, user, port, memory),  # noqa: PLW1509 - one thread
            )  # fmt: skip
            os.close(theirs)
            os.close(program)
            self._save(None)
        except BaseException:
            self._kill_all()
            shutil.rmtree(self._work, ignore_errors=True)
            raise

    @staticmethod
    def _restricted(program: int, user: int, port: int, memory: int) -> None:
        """In the child. Only a script's interpreter has to open the file once more."""
        os.set_inheritable(program, os.pread(program, 2, 0) == b"#!")
        confine.apply(user, port, memory, signal.SIGKILL)

    def _save(self, status: int | None) -> None:
        assert self._process
        said = {
            **self._order["says"], "pid": self._process.pid, "supervisor": os.getpid(), "since": started(os.getpid()),
            "console": os.ttyname(self._reader), "status": status,
        }  # fmt: skip
        files.atomic_write(self._record, json.dumps(said).encode(), 0o600)

    def _end(self, *_: object) -> None:
        self._doomed = True

    def run(self) -> None:
        """Until it is told to end: a process that has ended is kept, with its status and its last words, as evidence."""
        while not self._doomed:
            self._carry(select.select(self._terminals, [], [], _LOOK_S)[0])
            self._reap()
        self._kill_all()
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self._work, ignore_errors=True)

    def _carry(self, ready: list[int]) -> None:
        """Its words to whoever is at the console, and theirs to it; what nobody reads is dropped once the terminal is full."""
        for source, sink in ((self._output, self._console), (self._console, self._output)):
            if source in ready:
                try:
                    os.write(sink, os.read(source, 4096))
                except BlockingIOError:
                    continue
                except OSError:  # nobody has that terminal open any more: the process has ended
                    self._terminals = [self._console] if source == self._output else self._terminals

    def _reap(self) -> None:
        assert self._process
        if self._process.returncode is None and self._process.poll() is not None:
            self._save(self._process.returncode)
        if self._process.returncode is not None:
            _wait_for_any()

    def _kill_all(self) -> None:
        """Whatever it has started, wherever that went: orphans become ours."""
        while below := list(descendants(os.getpid())):
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            _wait_for_any(block=True)


def _wait_for_any(*, block: bool = False) -> None:
    try:
        while os.waitpid(-1, 0 if block else os.WNOHANG)[0]:
            block = False
    except ChildProcessError:
        return


def descendants(pid: int, proc: Path = Path("/proc")) -> Iterator[int]:
    """All processes below one, as the kernel has them (proc(5): /proc/pid/task/tid/children)."""
    for task in files.listed(proc / str(pid) / "task"):
        try:
            children = (proc / str(pid) / "task" / task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield int(child)
            yield from descendants(int(child), proc)


def started(pid: int, proc: Path = Path("/proc")) -> int:
    """When a process began, in ticks since the machine's start; 0 where it is gone: tells it from another of the same number."""
    try:
        return int((proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[19])  # proc(5): starttime
    except (OSError, IndexError, ValueError):
        return 0


def _given(folder: Path, user: int) -> None:
    """Give a user all that is in a folder."""
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            os.chown(os.path.join(where, name), user, user, follow_symlinks=False)
    os.chown(folder, user, user)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}: {os.strerror(ctypes.get_errno())}")
