"""From wherever the console's line is to a shell on it, and back: what was found is what is left behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.names import printable
from edgedeploy.wires.serial import recognise, stale_session
from edgedeploy.wires.serial.expect import Expect, Line
from edgedeploy.wires.serial.recognise import Sight, Where
from edgedeploy.wires.serial.shell import LEAVE, PROMPT, Shell

Ask = Callable[[str], str | None]
"""user name -> password, None where nobody has one"""

_STEP = 10.0
_ANSWER = 2.0
LEAVING = 12.0
"""seconds that it may take at most to put everything back; the board does it by itself where that was too little"""
_VERDICT = 30.0
"""seconds that login may take to say yes or no: a wrong password costs 3, a busy board more"""


class Console:
    """A shell on a serial console, for the time of a `with`.

    Logs in only where a login prompt is found, and then logs out at the end. Leaving puts the tty and the kernel's
    log level back, also after an exception or Ctrl-C; when the cable is pulled, the board does it by itself after three
    minutes without a key.
    """

    def __init__(
        self, line: Line, *, user: str = "root", ask: Ask, boot_wait: float = 120.0, work: float = 90.0,
        tick: int = 15, ticks: int = 12, limit: Deadline | None = None,
    ) -> None:  # fmt: skip
        """`ask` is called at most once. Seconds: `boot_wait` that a board which just starts may take, `work` from
        the login shell's prompt to a shell of ours that answers. `limit`: for all of it, and for the shell's work until
        `bound` says otherwise; a person may take longer over the password.
        """
        self._expect = Expect(line)
        self._expect.limit = limit
        self._line = line
        self._user, self._ask = user, ask
        self._boot_wait, self._work = boot_wait, work
        self._shell = Shell(self._expect, tick, ticks)
        self._logged_in = self._started = False

    def __enter__(self) -> Shell:
        """Raises Unreachable (where the line is, in words), or UsageFault for a password."""
        try:
            self._reach_shell()
            limit, work = self._expect.limit, Deadline.after(self._work)
            self._expect.limit = work if limit is None or work.at < limit.at else limit
            self._started = True
            self._shell.start(instead=self._logged_in)
            self._expect.limit = limit
        except BaseException:
            self.leave(interrupt=True)
            raise
        return self._shell

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(interrupt=error is not None)

    @property
    def limit(self) -> Deadline | None:
        """When everything must be done; later than at first where a person was asked."""
        return self._expect.limit

    def bound(self, seconds: float | None) -> None:
        """From now on the shell has so many seconds for whatever it is asked, None: any time."""
        self._expect.limit = None if seconds is None else Deadline.after(seconds)

    def abandon(self) -> None:
        """Leave nothing as it was found: there is nobody who would hear. The board puts everything back by itself."""
        self._started = self._logged_in = False

    def _reach_shell(self) -> None:
        for _ in range(4):
            sight = self._expect.look(boot_wait=self._boot_wait, beacon=lambda raw: stale_session.number(raw) is not None)
            if sight.where is Where.AGENT:
                stale_session.dismiss(self._line)
            elif sight.where is Where.SHELL and sight.last and sight.last[-1] == PROMPT.strip():
                self._expect.type(LEAVE)  # ours, of a cable that was pulled less than three minutes ago
                self._expect.prompt(Deadline.after(_STEP))
            elif sight.where is Where.SHELL:
                other = self._refused_by()
                if other is None:
                    return
                sight = replace(sight, where=other)
                break
            elif sight.where is Where.PROGRAM and recognise.nearly(sight.last):
                self._expect.type(recognise.QUESTION)
                refused = self._expect.until(recognise.refused, Deadline.after(_ANSWER))
                sight = replace(sight, where=refused or sight.where)
                break
            elif sight.where is Where.LOGIN:
                self._login()
                return
            elif sight.where is Where.PASSWORD:
                # a half log-in: somebody's, or login(1)'s, which takes Enter for a name where getty does not
                self._expect.type("")
                if self._expect.prompt(Deadline.after(_STEP))[0] is Where.LOGIN:
                    self._login()
                    return
            else:
                break
        raise stuck(sight, self._line)

    def _refused_by(self) -> Where | None:
        """What has a prompt as a shell's and is none: a boot loader's may look like anything."""
        for _ in range(2):  # what some daemon says in between is no answer
            self._expect.type(recognise.QUESTION)
            other = recognise.refused(self._expect.prompt(Deadline.after(_STEP))[1])
            if other is not Where.PROGRAM:
                return other
        self._expect.type("\x03", end="")  # it may wait for the rest of a line
        return other

    def _named(self) -> tuple[Where | None, str]:
        self._expect.type("\x15" + self._user)  # Ctrl-U: somebody may have begun to type
        return self._expect.prompt(Deadline.after(_STEP))

    def _login(self) -> None:
        where, said = self._named()
        password = None
        if where is Where.PASSWORD:
            password = self._asked()
            # login(1) waits for 60 s: after that a password would be a name, shown and written to a log
            if password is not None and self._expect.prompt(Deadline.after(_STEP))[0] is not Where.PASSWORD:
                where, said = self._named()
        if where is Where.PASSWORD:
            if password is None:
                self._give_up()
                raise errors.UsageFault(
                    f"the board asks for {self._user}'s password and there is none to give",
                    hint="run this in a terminal, where it can be typed",
                )
            if not all(" " <= c <= "~" for c in password):
                self._give_up()
                raise errors.UsageFault("the password cannot be typed on a serial console: it is not plain ASCII")
            self._expect.type(password)
            where, said = self._expect.prompt(Deadline.after(_VERDICT))
        if where is Where.SHELL:
            self._logged_in = True
            return
        self._refused(where, said, password)

    def _asked(self) -> str | None:
        since = time.monotonic()
        try:
            password = self._ask(self._user)
        except BaseException:  # Ctrl-C at the question
            with contextlib.suppress(errors.EdgeError):
                self._give_up()
            raise
        self._expect.grant(time.monotonic() - since)
        return password

    def _refused(self, where: Where | None, said: str, password: str | None) -> None:
        if password:  # a console that echoes shows it
            said = said.replace(password, "(the password)")
        details = tuple(printable(line.strip(), 120) for line in said.split("\n") if line.strip())[-4:]
        if where is Where.LOGIN:
            raise errors.UsageFault(
                f"the board refuses the log-in: wrong password for {self._user}?", hint="try again", details=details
            )
        if where is Where.PASSWORD:
            self._give_up()
            raise errors.UsageFault(
                f"the board wants a new password for {self._user}", hint="log in once by hand", details=details
            )
        raise errors.Unreachable(
            f"the board does not answer the log-in on {self._line.device}", hint="try again", details=details
        )

    def _give_up(self) -> None:
        self._expect.type("\x04", end="")

    def leave(self, *, interrupt: bool) -> None:
        """Put everything back; idempotent. Best effort: a port that is gone, or a board that restarts, has nothing to put back."""
        if not (self._started or self._logged_in):
            return
        self._expect.limit = Deadline.after(LEAVING)
        with contextlib.suppress(errors.EdgeError):
            if interrupt:
                self._expect.type("\x03", end="")
                self._expect.prompt(Deadline.after(2.0))
            for _ in range(4):  # a key of it may get lost, as of everything that is typed
                if self._started:
                    self._shell.leave()
                else:
                    self._expect.type("exit")
                where, said = self._expect.prompt(Deadline.after(5.0))
                if where is None:
                    self._expect.type("")
                    where, said = self._expect.prompt(Deadline.after(5.0))
                if not said.endswith(PROMPT):
                    break
        self._started = self._logged_in = False


def stuck(sight: Sight, line: Line) -> errors.Unreachable:
    """Why there is no shell, in words."""
    on = f"on {line.device}"
    words, hint = _WORDS.get(sight.where, (f"the board's console {on} is at {sight.where.value}", "power-cycle the board"))
    if sight.where is Where.SILENCE and sight.alive:
        words, hint = (
            "the board's console is alive, but nobody offers a log-in there",
            "the board needs a getty on its console: systemctl enable --now serial-getty@hvc0 (or its inittab)",
        )
    details = tuple(printable(text, 120) for text in sight.last) if sight.where is not Where.WRONG_BAUD else ()
    return errors.Unreachable(words.format(on=on, baud=line.baud), hint=hint, details=details)


_WORDS = {
    Where.UBOOT: (
        "the board is in U-Boot {on}, and has not started Linux",
        "see: edgedeploy console; there type boot, or power-cycle the board",
    ),
    Where.LOADER: (
        "the board is in a boot loader {on}, and has not started Linux",
        "see: edgedeploy console; have it boot from there, or power-cycle the board",
    ),
    Where.BOOTING: ("the board {on} is still starting", "wait for it, then try again"),
    Where.PASSWORD: ("the board {on} stays at a password prompt", "see: edgedeploy console; there press Ctrl-C"),
    Where.MAINTENANCE: (
        "the board {on} stopped its start and waits for maintenance",
        "its last lines say why; see: edgedeploy console",
    ),
    Where.XEN: ("Xen keeps the console's input {on}", "see: edgedeploy console; there press Ctrl-A three times"),
    Where.AGENT: ("an earlier edgedeploy is still at work {on}", "it gives the console back within a minute; try again then"),
    Where.PROGRAM: ("a program has the board's console {on}", "see: edgedeploy console; end it there"),
    Where.WRONG_BAUD: (
        "what comes {on} at {baud} baud is garbled",
        "the wrong rate (on a RockPro64: --baud 1500000, else --baud 115200), or noise by a loose ground or wire?"
        " see: edgedeploy console",
    ),
    Where.SILENCE: (
        "nothing answers {on} at {baud} baud",
        "is the board on? is TX wired to RX and RX to TX, and ground to ground?",
    ),
}
