"""The board's half of the serial link: at the console's tty, set raw by the shell that runs this, it starts commands.

    edgedeploy-agent link SESSION BAUD

SESSION: eight hexadecimal digits, used on this line for no other session. Ends on the laptop's good-bye (status 0), after a
minute without it, and when the tty hangs up (status 3); its commands see EOF and a hang-up then.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time

from edgedeploy.core.link import Kind as News
from edgedeploy.core.link import Link
from edgedeploy.core.linkflow import BUFFER
from edgedeploy.core.mux import TAIL, VERSION, Garbage, Kind, Mux

OFFER = f"edgedeploy-link/{VERSION}"
ALONE = 60.0
"""seconds without the laptop after which the console is given back"""
GRACE = 2.0
"""seconds between a hang-up and a kill, and that late stderr may take"""
_GATHER = 0.02  # a wake-up for every 16 bytes that hvc hands over costs more than all the rest
_SIGNALS = [getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTSTP", "SIGPIPE", "SIGTTOU", "SIGTTIN")]
_READ = 65536


class Command:
    """A command that runs, its ends of the three pipes non-blocking; -1 for one that is closed."""

    def __init__(self, argv: list[bytes]) -> None:
        """Raises OSError when it cannot be started."""
        pipes = [os.pipe() for _ in range(3)]
        theirs, ours = [pipes[0][0], pipes[1][1], pipes[2][1]], [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            # what the shell made us ignore, the command must not; of the console's tty it gets nothing
            self.pid = os.posix_spawnp(
                os.fsdecode(argv[0]), argv, os.environ, setsid=True, setsigdef=_SIGNALS,
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(theirs)],
            )  # fmt: skip
        except BaseException:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for fd in ours:
            os.set_blocking(fd, False)
        self.stdin, self.stdout, self.stderr = ours
        self.inbox, self.eof, self.dropped = bytearray(), False, False
        self.tail = b""
        self.status: int | None = None
        self.due = 0.0
        """when it ended, or is killed, less GRACE"""

    def shut(self, name: str) -> None:
        """Close "stdin", "stdout" or "stderr". Idempotent."""
        fd = getattr(self, name)
        setattr(self, name, -1)
        if fd >= 0:
            os.close(fd)

    def hang_up(self, now: float) -> None:
        """As a lost terminal does it; `kill` is next. Its last words are read: they must not end it before its clean-up."""
        self.shut("stdin")
        self.shut("stdout")
        self.due = now
        self.kill(signal.SIGHUP)

    def kill(self, number: int) -> None:
        """Signal all of it, unless it has ended."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def reap(self, now: float) -> None:
        """Take notice of its end: 128 + n for one that signal n ended, as a shell reports it."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.status, self.due = (code if code >= 0 else 128 - code), now

    def read_words(self) -> None:
        """Take what stderr has."""
        if (data := _read(self.stderr)) is not None:
            self.tail = (self.tail + data)[-TAIL:]
            if not data:
                self.shut("stderr")


class Host:
    """One session."""

    def __init__(self, tty: int, session: int, line: float) -> None:
        """`tty`: non-blocking, raw. `line`: bytes/s."""
        self._tty, self._ahead = tty, ahead(line)
        self._link = Link(session, laptop=False, line=line)
        self._mux = Mux(laptop=False, window=int(line * 2))
        self._out = b""
        self._commands: dict[int, Command] = {}
        self._dying: list[Command] = []
        self._gathered = 0.0
        self._wake = signalled()

    def run(self) -> int:
        """Until the session ends; returns the exit status."""
        started = time.monotonic()
        status = 3
        try:
            while not self._link.over and time.monotonic() - (self._link.heard_at or started) < ALONE:
                self._turn()
            status = 0 if any(event.kind is News.CLOSED for event in self._link.events()) else 3
        except (OSError, Garbage) as fault:  # the tty hung up, or a laptop of another version
            sys.stderr.write(f"edgedeploy link: {fault}\r\n")
        finally:
            self._end()
        return status

    def _turn(self) -> None:
        now = time.monotonic()
        self._fill()
        until = now + 1.0
        if self._out:
            self._say()
        if not self._out:  # also when the tty has only now taken the rest: the link has more to say
            self._out, until = self._link.poll(now)
            if self._out:
                self._say()
        self._wait(max(0.0, until - now), now)
        now = time.monotonic()
        if now >= self._gathered:
            data = _read(self._tty)
            if data == b"":
                raise OSError("the tty hung up")
            if data:
                self._gathered = now + _GATHER
                self._link.receive(data, now)
        for kind, channel, payload in self._mux.feed(self._link.read()):
            self._told(kind, channel, payload, now)
        for channel in list(self._commands):
            self._serve(channel, now)
        self._bury(now)

    def _fill(self) -> None:
        while (room := self._ahead - self._link.waiting) > 0 and (data := self._mux.take(room)):
            self._link.send(data)

    def _say(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._out = self._out[os.write(self._tty, self._out) :]

    def _wait(self, timeout: float, now: float) -> None:
        """Until something can be done."""
        reads, writes = [self._wake], [self._tty] if self._out else []
        if now >= self._gathered:
            reads.append(self._tty)
        else:
            timeout = min(timeout, self._gathered - now)
        for channel, one in self._commands.items():
            if one.stdout >= 0 and (one.dropped or self._mux.room(channel)):
                reads.append(one.stdout)
            if one.stderr >= 0:
                reads.append(one.stderr)
            if one.stdin >= 0 and one.inbox:
                writes.append(one.stdin)
        if self._wake in select.select(reads, writes, [], timeout)[0]:
            _read(self._wake)

    def _told(self, kind: Kind, channel: int, payload: bytes, now: float) -> None:
        if kind is Kind.OPEN:
            self._start(channel, payload.split(b"\0"))
        elif (one := self._commands.get(channel)) is None:
            return
        elif kind is Kind.DATA:
            one.inbox += payload
        elif kind is Kind.EOF:
            one.eof = True
        elif kind is Kind.DROP:
            one.dropped = True
        elif kind is Kind.CLOSE:
            del self._commands[channel]
            one.hang_up(now)
            self._dying.append(one)

    def _start(self, channel: int, argv: list[bytes]) -> None:
        try:
            self._commands[channel] = Command(argv)
        except (OSError, ValueError) as fault:
            missing = isinstance(fault, FileNotFoundError)
            words = "not found" if missing else getattr(fault, "strerror", "") or "cannot be started"
            self._mux.exit(channel, 127 if missing else 126, argv[0] + b": " + words.encode() + b"\n")
            self._mux.eof(channel)

    def _serve(self, channel: int, now: float) -> None:
        one = self._commands[channel]
        self._feed(channel, one)
        wanted = _READ if one.dropped else self._mux.room(channel)
        if one.stdout >= 0 and wanted and (data := _read(one.stdout, wanted)) is not None:
            if not one.dropped:
                self._mux.write(channel, data)
            if not data:
                one.shut("stdout")
                self._mux.eof(channel)
        one.read_words()
        one.reap(now)
        # a grandchild may hold stderr open for ever
        if one.status is not None and one.status >= 0 and (one.stderr < 0 or now - one.due > GRACE / 2):
            self._mux.exit(channel, one.status, one.tail)
            one.status = -1
            one.shut("stderr")
        if one.status == -1 and one.stdout < 0:
            one.shut("stdin")
            del self._commands[channel]

    def _feed(self, channel: int, one: Command) -> None:
        if one.stdin >= 0 and one.inbox:
            try:
                count = os.write(one.stdin, one.inbox)
                del one.inbox[:count]
                self._mux.used(channel, count)
            except BlockingIOError:
                pass
            except OSError:  # it reads no more
                one.shut("stdin")
                one.inbox.clear()
                self._mux.drop(channel)
        if one.eof and not one.inbox:
            one.shut("stdin")

    def _bury(self, now: float) -> None:
        for one in list(self._dying):
            one.read_words()
            one.reap(now)
            if one.status is None and now - one.due > GRACE:
                one.kill(signal.SIGKILL)
            if one.status is not None:
                one.shut("stderr")
                self._dying.remove(one)

    def _end(self) -> None:
        """Leave no command behind that we have started."""
        now = time.monotonic()
        for one in self._commands.values():
            one.hang_up(now)
            self._dying.append(one)
        ends = now + 2 * GRACE
        while self._dying and time.monotonic() < ends:
            self._bury(time.monotonic())
            time.sleep(0.02)


def ahead(line: float) -> int:
    """Bytes that wait in a link of `line` bytes/s: 0.7 s of it, for what is in there goes before anything else."""
    return min(max(4096, int(line * 0.7)), BUFFER // 2)


def _read(fd: int, limit: int = _READ) -> bytes | None:
    """What is there; b"" at the end, None when there is nothing now."""
    if fd < 0:
        return None
    try:
        return os.read(fd, limit)
    except BlockingIOError:
        return None


def signalled() -> int:
    """A pipe that is readable after a child's end."""
    ours, theirs = os.pipe()
    for fd in (ours, theirs):
        os.set_blocking(fd, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
    return ours


def main() -> int:
    """Returns the exit status."""
    words = sys.argv[-2:]
    if words[-1:] == ["--offers"]:
        print(OFFER)  # noqa: T201 - a command line
        return 0
    if not re.fullmatch(r"[0-9a-f]{1,8} \d{1,8}", " ".join(words)) or not os.isatty(0):
        sys.stderr.write("usage: edgedeploy-agent link SESSION BAUD, at a serial console\n")
        return 2
    # a file of our own: non-blocking is a matter of the open file, and the shell has the other one
    tty = os.open(os.ttyname(0), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"
    return Host(tty, int(words[0], 16), int(words[1]) / 10).run()
