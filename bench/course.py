"""One transfer of one file over one line: two programs on two ptys, and what came of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import subprocess
import tempfile
import termios
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.conditions import CONDITIONS, Condition
from bench.line import FULL, Faults
from bench.relay import TICK, Pty, Relay
from bench.rivals import RAW, WAYS, Ends, Task
from edgedeploy.core.names import printable

START = 60.0
"""seconds that programs have to say something to each other, and edgedeploy to start its half on the board"""
PATIENCE, LEAST = 5, 15.0
"""times the ideal time, and seconds: a transfer has failed after the greater of the two"""
_SAID = "said"
BYE = 5.0
"""seconds that both programs have to end after the file is complete"""


@dataclass(frozen=True)
class Outcome:
    """`share` of the line's rate; `fault` is empty where all was right. `lost`: seconds that the line was idle because
    this computer was busy, at most; `latest`: seconds between two looks at the clock, at most."""

    share: float
    fault: str
    lost: float
    latest: float
    said: str = ""
    """the last that a failed program said"""


def favour() -> None:
    """Let this process, a relay, be woken in time whatever else runs here, where that is allowed."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def probe(size: int, seed: int) -> float:
    """Which share of its rate a clean line carries up, while others do the same."""
    outcome = carry(RAW.key, CONDITIONS[0], size, seed, up=True)
    return 0.0 if outcome.fault else outcome.share


def carry(key: str, condition: Condition, size: int, seed: int, *, up: bool, patience: float = 1.0) -> Outcome:
    """Carry `size` random bytes in the way that `key` names. `patience`: times the bench's own, for who times nothing."""
    way = next(one for one in (*WAYS, RAW) if one.key == key)
    relay = Relay(_prompt_reader(condition.up), _prompt_reader(condition.down), seed)
    with tempfile.TemporaryDirectory(prefix="edgedeploy-bench-") as name:
        folder = Path(name)
        source, target = folder / "data", folder / "got" / "data"
        target.parent.mkdir()
        source.write_bytes(random.Random(seed).randbytes(size))
        task = Task(condition, up, seed, source, target, relay.laptop.name, relay.board.name)
        programs: list[subprocess.Popen[bytes]] = []
        try:
            ends = way.ends(task)
            if ends.shell:
                _cook(relay.board)
            for argv, port in ((ends.board, relay.board), (ends.laptop, relay.laptop)):
                shell = ends.shell and port is relay.board
                programs.append(_start(argv, port, target.parent, attached=ends.attached, shell=shell))
            return _Watch(relay, programs, task, ends, patience).run()
        finally:
            for program in programs:
                _kill(program)
            relay.close()


def _prompt_reader(faults: Faults) -> Faults:
    """A receiver without a ring of its own is read at each step of the relay."""
    return faults if faults.ring else replace(faults, read=TICK)


def _cook(port: Pty) -> None:
    """A tty as a getty leaves it to a shell."""
    subprocess.run(["stty", "sane"], stdin=port.slave, check=True)


def _start(argv: Sequence[str], port: Pty, folder: Path, *, attached: bool, shell: bool) -> subprocess.Popen[bytes]:
    def own_terminal() -> None:
        os.setsid()
        with contextlib.suppress(OSError):  # all programs alike, so that what else runs here is not measured
            os.nice(-10)
            Path("/proc/self/autogroup").write_text("-10")  # sched(7): with autogroups the session's nice value counts
        if shell:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    attached = attached or shell
    tty = port.slave if attached else subprocess.DEVNULL
    with open(folder.parent / _SAID, "ab") as said:
        return subprocess.Popen(
            argv,
            stdin=tty,
            stdout=tty if attached else said,
            stderr=tty if shell else said,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "LC_ALL": "C"},
            preexec_fn=own_terminal,  # noqa: PLW1509 - this process has one thread
        )


class _Watch:
    """Has the relay carry until the programs have ended, or the time is up. A board's shell need not end."""

    def __init__(
        self, relay: Relay, programs: Sequence[subprocess.Popen[bytes]], task: Task, ends: Ends, patience: float
    ) -> None:
        self._relay, self._task, self._mark, self._patience = relay, task, ends.mark, patience
        self._awaited = programs[1:] if ends.shell else programs
        self._size = task.source.stat().st_size
        self._begun: float | None = None
        self._complete: float | None = None
        self._look = 0.0

    def run(self) -> Outcome:
        """What came of it."""
        self._relay.run(self._done)
        begun, complete = self._begun, self._complete
        share = 0.0 if begun is None or complete is None else self._size / FULL / (complete - begun)
        lost = self._relay.up.lost + self._relay.down.lost
        fault = _fault(self._task, self._awaited, self._relay.clock() > self._limit)
        return Outcome(share, fault, lost, self._relay.latest, _last_words(self._task) if fault else "")

    @property
    def _limit(self) -> float:
        if self._begun is None:
            return START * self._patience
        return self._begun + max(LEAST, PATIENCE * self._size / FULL) * self._patience

    def _done(self, now: float) -> bool:
        if self._begun is None and self._has_begun():
            self._begun = now
        if self._complete is None and _size(self._task.target) >= self._size:
            self._complete = now
        if now < self._look:
            return False
        self._look = now + 0.02
        if self._complete is not None:
            return now > self._complete + BYE * self._patience or self._ended()
        return now > self._limit or self._ended()

    def _has_begun(self) -> bool:
        if self._mark:
            return self._mark.exists()
        return self._relay.up.first is not None and self._relay.down.first is not None

    def _ended(self) -> bool:
        return all(one.poll() is not None for one in self._awaited)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _fault(task: Task, programs: Sequence[subprocess.Popen[bytes]], late: bool) -> str:
    statuses = [one.poll() for one in programs]
    if not task.target.exists():
        return "too slow" if late else "gave up"
    if task.target.read_bytes() != task.source.read_bytes():
        return "too slow" if late else "gave up" if any(statuses) else "wrong data"
    if any(statuses):
        return "said that it failed"
    return ""


def _last_words(task: Task) -> str:
    words = task.source.with_name(_SAID).read_text("utf-8", "replace").split("\n")
    return printable(next((line for line in reversed(words) if line.strip()), ""), 120)


def _kill(program: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)  # its session's leader
    program.wait()
