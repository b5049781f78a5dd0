"""A shell of our own at the console, that can be asked, and that puts everything back by itself when we vanish.

Under the login shell, whatever that is, runs `/bin/sh` with a prompt that can be recognised. What is typed at it is
proven by a checksum before it runs, what it says is base64 with a checksum and said again when a log line fell into
it: a serial console drops bytes and mixes in other people's. Markers are typed in two halves, so that the echo of a
typed line is never taken for the answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
import time
from dataclasses import dataclass

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import printable
from edgedeploy.wires.serial.expect import Expect

PROMPT = "edgedeploy# "
LONGEST = 120.0
"""seconds that one command may take: the guard on the board takes a longer silence for a pulled cable"""
_CHUNK = 96
_TRIES = 4
_STEP = 10.0
"""seconds for a prompt"""
_ECHO = 5.0
"""seconds for a checksum of what was typed; asked again, and again no harm, where a key of the question got lost"""
_MUTE = 1.5
"""seconds of standing at the prompt without an answer: the question, or the answer, was lost"""

LEAVE = " r;kill -9 $w;exit"
"""typed at our shell, or at one that was left behind: put back, then out"""

# r puts back what q changed (p: the log level alone, where the tty may be somebody else's by now); e says the last
# output; x runs $c, a number and a command, unless that number was the
# last that ran, and says its output: an x that got lost, or whose answer did, is typed again and nothing runs twice.
_LIBRARY = """t=$(stty -g);tty=$(tty);k=$(cat /proc/sys/kernel/printk)
p(){{ [ -z "$k" ]||echo "$k" >/proc/sys/kernel/printk;}} 2>/dev/null
r(){{ p;stty $t <$tty;}} 2>/dev/null
q(){{ stty sane -echo;[ -z "$k" ]||echo 1 >/proc/sys/kernel/printk;}} 2>/dev/null
e(){{ printf '\\n%s%s %s\\n' {a} {b} "$1 $s $(printf %s "$o"|sha256sum|cut -c1-16)";printf %s "$o"|base64;echo {b}{a} $1;}}
x(){{ i=${{c%% *}};[ "$i" = "$d" ]||{{ d=$i;o=$(eval "${{c#* }}" 2>&1 </dev/null);s=$?;}};e $i;}}
(trap '' 1 2 3 20 22;a=;n=0;while sleep {tick};kill -0 $$||{{ p;exit;}};do b=$(stat -c%X $tty)
[ "$a" = "$b" ]&&n=$((n+1))||{{ n=0;a=$b;}}
[ $n -lt {ticks} ]||{{ r;kill -9 $$;exit;}};done) </dev/null >/dev/null 2>&1 &
w=$!;q"""

# While `command` runs, no bit error that makes a Ctrl-O may be a SysRq; and what the laptop still sends when it was killed
# must not be typed at this shell: cat swallows it until 2.5 s are silent (0.3 s after a good-bye). And dom0 goes before its
# guests (xl(1), sched-credit2): beside one that boots it gets 10 ms turns else, longer than Xen's 128 bytes last.
_TAKEN_OVER = """(trap '' 1 2 3 20;y=/proc/sys/kernel/sysrq;k=$(cat $y);m=$(stty -g);{{ echo 0 >$y;}} 2>/dev/null
v(){{ timeout 5 xl sched-credit2 -d 0 "$@" 2>/dev/null;}};set -- $(v|tail -1);[ "$1" != Domain-0 ]||v -w 65535
stty raw -echo;{command}&&t=3||t=25
stty raw -echo min 0 time $t;cat >/dev/null;stty $m;[ "$1" != Domain-0 ]||v -w $3
{{ [ -z "$k" ]||echo "$k" >$y;}} 2>/dev/null)"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command's end."""

    status: int
    output: str
    """stdout and stderr as they came, without the line ends at its end, as a shell's $( ) gives it"""


class Shell:
    """Made by `login.Console`. Raises Unreachable whenever the line does not answer as a shell does."""

    def __init__(self, expect: Expect, tick: int = 15, ticks: int = 12) -> None:
        """`tick` * `ticks`: seconds without a key after which the board puts everything back by itself."""
        self._expect = expect
        self._tick, self._ticks = tick, ticks
        self._halves = secrets.token_hex(4), secrets.token_hex(4)
        self._count = 0

    def start(self, *, instead: bool) -> None:
        """Start it at a login shell's prompt; `instead`: in the login shell's place, so that its end is a log-out."""
        launch = f"env PS1='{PROMPT}' PS2= HISTFILE= LC_ALL=C TERM=dumb /bin/sh"
        a, b = self._halves
        # the checksum of what has been typed so far; its right answer proves itself
        digest = f"h(){{ printf '\\n%s%s %s\\n' {a} {b} \"$1 $(printf %s \"$c\"|sha256sum|cut -c1-16)\";}};c="
        for _ in range(_TRIES):
            self._expect.type(f" {'exec ' * instead}{launch}")
            if self._expect.prompt(Deadline.after(_STEP))[1].rsplit("\n", 1)[-1] == PROMPT:
                break
            self._cancel()
        for _ in range(_TRIES):
            self._expect.type(digest)
            if self._proven(""):
                break
            self._cancel()
        else:
            raise self._deaf("no shell starts there")
        self._send(_LIBRARY.format(a=a, b=b, tick=self._tick, ticks=self._ticks))
        # a job number, and the prompt, follow: the next answer is looked for behind them
        self._expect.type('eval "$c"')
        self._expect.prompt(Deadline.after(_STEP))

    def run(self, command: str, timeout: float = 20.0) -> Ran:
        """Run a line of shell (POSIX sh, printable ASCII and line ends), its stdin empty.

        Raises BoardFault when it has not ended after `timeout` (at most LONGEST) seconds: it was interrupted then.
        """
        if re.search(r"[^\n -~]", command):
            raise errors.Bug("a command for the serial console must be printable ASCII")
        deadline = Deadline.after(min(timeout, LONGEST))
        self._count += 1
        number = self._count
        self._send(f"{number} {command}")
        for _ in range(4 * _TRIES):  # asking again never runs it again, and a long answer meets many log lines
            self._expect.type("x")
            said = self._expect.until(_Heard(*self._halves, number), deadline)
            if said is None:
                self._cancel()
                raise errors.BoardFault(
                    f"the board did not finish within {timeout:g} s: {printable(command, 80)}",
                    hint="try again with a longer --timeout, or power-cycle the board",
                )
            if isinstance(said, Ran):
                return said
            self._expect.slower()
            deadline = Deadline.after(_STEP + timeout)
        raise self._deaf("the answers are damaged")

    def type(self, line: str) -> None:
        """Type a line and read nothing: for a program that takes the line over."""
        self._expect.type(line)

    def start_link(self, command: str) -> None:
        """Have `command` take the console over: at its prompt again, this shell has the tty as it was."""
        self._send(_TAKEN_OVER.format(command=command))
        self._expect.prompt(Deadline.after(_STEP))  # of the line that proved it: a late one would look like the command's end
        self._expect.type('eval "$c"')

    def stands(self, seconds: float, unless: str = "\0") -> bool:
        """Whether the prompt stands, or comes back within that time and before `unless` comes."""

        def seen(said: str) -> bool | None:
            return True if said.endswith(PROMPT) else False if unless in said else None

        return bool(self._expect.until(seen, Deadline.after(seconds)))

    def restarted(self) -> None:
        """The board has restarted, the caller saw it: from now on everything that would type raises Unreachable."""
        self._expect.restarted = True

    def leave(self) -> None:
        """Put the tty and printk back and end; the login shell, or a login prompt, is next."""
        self._expect.type(LEAVE)

    def _send(self, value: str) -> None:
        """Set $c to `value`, proven."""
        for _ in range(2 * _TRIES):
            self._expect.type("c=")
            for start in range(0, len(value), _CHUNK):
                chunk = value[start : start + _CHUNK].replace("'", "'\\''").replace("\n", "\r")
                self._expect.type(f"c=$c'{chunk}'")
            if self._proven(value):
                return
            self._cancel()
        raise self._deaf("the line loses what is typed")

    def _cancel(self) -> None:
        self._expect.slower()
        for _ in range(_TRIES):  # one that comes while the shell forks reaches nobody
            self._expect.type("\x03", end="")
            if self._expect.prompt(Deadline.after(_STEP / _TRIES))[0] is not None:
                return

    def _proven(self, value: str) -> bool:
        self._count += 1
        self._expect.type(f"h {self._count}")
        form = re.compile(rf"^{''.join(self._halves)} {self._count} ([0-9a-f]{{16}})$", re.M)
        found = self._expect.until(form.search, Deadline.after(_ECHO))
        return bool(found and found[1] == _digest(value.encode()))

    def _deaf(self, why: str) -> errors.Unreachable:
        return errors.Unreachable(
            f"the board's console on {self._expect.line.device} does not work: {why}",
            hint="is the cable's ground connected? try again, or power-cycle the board",
        )


class _Heard:
    """Looks for one command's answer: a Ran, False for one that is damaged or does not come, None for not yet."""

    def __init__(self, a: str, b: str, number: int) -> None:
        self._form = re.compile(rf"^{a}{b} {number} (\d+) ([0-9a-f]{{16}})\n(.*?){b}{a} {number}\n", re.M | re.S)
        self._end = f"{b}{a} {number}\n"
        self._waiting_since: float | None = None

    def __call__(self, said: str) -> Ran | bool | None:
        match = self._form.search(said)
        output = _unpacked(match[3], match[2]) if match else None
        if match and output is not None:
            return Ran(int(match[1]), output)
        if self._end in said:
            return False
        if said.rsplit("\n", 1)[-1] != PROMPT:  # it runs, or speaks
            self._waiting_since = None
            return None
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        return False if now - self._waiting_since > _MUTE else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _unpacked(packed: str, digest: str) -> str | None:
    try:
        data = base64.b64decode("".join(packed.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.decode("utf-8", "replace") if _digest(data) == digest else None
