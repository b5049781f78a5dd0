"""A board at the other end of a console: asks it, and does to it what takes longer than a cable may be trusted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import printable
from edgedeploy.flows.rescue import facts, probe
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.flows.rescue.mends import Mend

_NAPS = ".2 .4 1 1 2 2"
"""seconds that the board itself waits for a mend's end before it says that it still works"""
_TIMED_OUT = "124"
"""timeout(1)"""
_WORDS = 1500
"""bytes of a mend's output that are asked for"""


class Answer(Protocol):
    """A command's end: wires.serial.shell.Ran."""

    @property
    def status(self) -> int:
        """Its exit status."""

    @property
    def output(self) -> str:
        """What it said."""


class Shell(Protocol):
    """A shell on the board: wires.serial.shell.Shell."""

    def run(self, command: str, timeout: float = 20.0) -> Answer:
        """A line of POSIX shell, printable ASCII. Raises BoardFault when it does not end, Unreachable without a board."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a mend."""

    ok: bool
    words: tuple[str, ...] = ()
    """its last lines"""


class ConsoleBoard:
    """Questions and mends over a shell. Raises what the shell raises: Unreachable is final."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._folder = ""
        self._status = self._twins = ""

    def ask(self, *, deep: bool, near: bool = True) -> tuple[Facts, float]:
        """The facts, and this laptop's time when they came.

        `deep`: what is on air is asked for anew too; `near`: and the neighbours, whether they have its addresses.
        """
        self._prepare()
        command = f". {self._folder}/probe" if self._folder else probe.SCRIPT
        output = self._shell.run(f"({'' if near else 'near=no;'}{command})", probe.SECONDS).output
        now = time.time()
        if near:
            self._twins = "".join(f"{line}\n" for line in output.splitlines() if line.startswith("dup "))
        else:
            output = self._twins + output
        found = facts.parse(output)
        if found["xl"] == _TIMED_OUT:
            self._status = ""  # the agent would ask xl too, and wait as long
        elif deep and found.all("agent"):
            self._status = self._shell.run(probe.STATUS, probe.STATUS_SECONDS).output
        return facts.parse(output, self._status), now

    def do(self, mend: Mend, tell: Callable[[str], None]) -> Done:
        """Do it and wait for its end, as long as it may take. A pulled cable does not stop it."""
        folder = self._folder or "/tmp"  # noqa: S108 - the board's, and its name is random
        job = f"{folder}/{secrets.token_hex(4)}"
        # in a session of its own: it outlives the log-in and takes no keys
        started = self._shell.run(
            f"""mkdir -m 700 {job}||exit 9
cat >{job}/do <<\\EDGEDEPLOY
{mend.script}
EDGEDEPLOY
[ -s {job}/do ]||exit 9
: >{job}/said
setsid sh -c 'sh {job}/do;echo $? >{job}/end' >{job}/said 2>&1 </dev/null &
echo begun"""
        )
        if not started.output.endswith("begun"):
            return Done(False, ("there is no room on the board to do it from", printable(started.output, 300)))
        return self._await(job, mend, tell)

    def leave(self) -> None:
        """Remove what was put on the board; what still runs keeps what it needs."""
        if self._folder:
            self._shell.run(f"rm -rf {self._folder}")
            self._folder = ""

    def _prepare(self) -> None:
        """Put the questions on the board once: typed again each time they would cost four seconds."""
        if self._folder:
            return
        name = f"edgedeploy-{secrets.token_hex(4)}"
        script = f"for d in /run /dev/shm /tmp;do mkdir -m 700 $d/{name} 2>/dev/null&&break;done;d=$d/{name}\n"
        script += f"cat >$d/probe <<\\EDGEDEPLOY 2>/dev/null\n{probe.SCRIPT}EDGEDEPLOY\nwc -c <$d/probe;echo $d\n"
        # whatever ends the shell, a Ctrl-C or a pulled cable: nothing stays (a mend under way has its script open)
        script += "(trap '' 1 2 3 20;while kill -0 $$;do sleep 5;done;rm -rf $d) </dev/null >/dev/null 2>&1 &"
        size, _, folder = self._shell.run(script).output.partition("\n")
        if size.strip() == str(len(probe.SCRIPT)) and folder.startswith("/"):
            self._folder = folder.strip()

    def _await(self, job: str, mend: Mend, tell: Callable[[str], None]) -> Done:
        deadline = Deadline.after(mend.seconds)
        look = f"for i in {_NAPS};do [ -s {job}/end ]&&break;sleep $i;done;cat {job}/end 2>/dev/null;echo ---;"
        while True:
            said = self._shell.run(f"{look}tail -c {_WORDS} {job}/said", 30.0).output
            status, _, words = said.partition("---")
            lines = tuple(printable(line.rstrip(), 200) for line in words.splitlines() if line.strip())[-6:]
            ended = status.split()[-1:]
            if ended and ended[0].isdigit():
                return Done(ended[0] == "0", lines)
            if lines:
                tell(lines[-1])
            if deadline.expired:
                self._shell.run(f"echo stop >{job}/end")
                return Done(False, (f"it did not end within {mend.seconds:g} s, and goes on by itself", *lines))

