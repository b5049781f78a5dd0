"""A person at a guest's console, over the conversation with their laptop.

A deployment is never disturbed: it knows nothing of us and asks for no lock of ours. While a release is on trial, the
deployment reads the guest's terminal and we read what it keeps; otherwise we read, and keep it likewise. So the person
follows the app from release to release, and sees each of them boot. One person at a time; a second reader on the board
(`xl console` there) would get half of the bytes, so it is named instead.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgedeploy.agent import plan, state, status
from edgedeploy.agent.board import Board
from edgedeploy.agent.console import Kept
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running
from edgedeploy.core import errors, files, frames, messages
from edgedeploy.core.names import AppName, printable

SILENT_S = 30.0
"""a laptop that says nothing for so long is lost, and its console is free for the next"""
BACK_S = 30.0
"""how long a guest that has ended may take to come back, after the last deployment's end"""
_BEFORE = 4096  # bytes of what was said before, shown first
_TICK_S, _LOOK_S = 0.2, 1.0
_WINDOW = messages.CONSOLE_WINDOW


class Send(Protocol):
    """Sends one message."""

    def __call__(self, message: messages.Message, body: bytes = b"") -> None:
        """Raises OSError when the laptop is gone."""


@dataclass(slots=True)
class Laptop:
    """The other end: where its bytes come in, what came already, and the way back."""

    inp: int
    pending: list[frames.Frame]
    feed: Callable[[bytes], list[frames.Frame]]
    send: Send


class Attachment:
    """One person at one app's console, from `run` until it returns."""

    def __init__(self, board: Board, app: AppName, who: str, laptop: Laptop) -> None:
        self._board, self._app, self._who, self._laptop = board, app, who, laptop
        self._layout = board.app(app)
        self._tty, self._domid = -1, -1
        self._kept, self._offset = Kept(self._layout.console(-1)), 0
        self._typed = bytearray()
        self._taken = self._sent = self._seen = 0
        self._heard = self._look_at = self._give_up = time.monotonic()
        self._told_end = False
        self._left: str | None = None

    def run(self) -> None:
        """Until the person leaves or the guest stays away; raises SystemExit when the laptop is lost, BoardFault when
        there is no console to be at."""
        try:
            with files.locked(self._layout.attach_lock, self._who, wait=False):
                self._begin()
                while self._left is None:
                    self._turn()
            self._laptop.send(messages.Detached(self._left))
        except files.Busy as busy:
            raise errors.BoardFault(
                f"{busy.holder or 'somebody'} is at the console of {self._app} already",
                hint=f"one person at a time; a laptop that is lost lets go after {SILENT_S:.0f} s",
            ) from None
        finally:
            self._close()

    def _begin(self) -> None:
        give_up = time.monotonic() + BACK_S
        while True:
            found, release = self._find()
            if found and self._open(found):
                break
            if time.monotonic() > give_up or not held(self._layout.swap_lock):  # in mid-swap nothing runs for a moment
                raise errors.BoardFault(
                    f"the guest of {self._app} has no console"
                    if found
                    else f"{self._app} is not on air on this board: no guest of it runs",
                    hint=f"what happened: edgedeploy log {self._app}",
                )
            time.sleep(_LOOK_S)
        self._laptop.send(messages.Attached(printable(found.name, 100), release, found.dead))

    # --- the guest ------------------------------------------------------------------------------------------------

    def _find(self) -> tuple[Running | None, str]:
        with contextlib.suppress(CommandFailed):  # xl is not at its best while domains come and go
            return status.on_air(self._layout, self._board.runtime.domains(), self._board.network)
        return None, ""

    def _open(self, domain: Running) -> bool:
        if "d" in domain.state:  # dying: xenconsoled has let go, and its terminal's number may be somebody else's by now
            return False
        tty = self._board.runtime.console(domain.domid)
        try:
            self._tty = os.open(tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) if tty else -1
        except OSError:
            return False
        if self._tty < 0 or tty is None:
            return False
        other = "" if self._on_trial() else _reader(tty)
        if other:
            raise errors.BoardFault(f"{other} has the console of {self._app} on the board", hint="end that program there")
        if domain.domid != self._domid:
            first = self._domid < 0
            self._domid, self._kept = domain.domid, Kept(self._layout.console(domain.domid))
            self._offset = self._kept.tail(_BEFORE) if first else 0
        return True

    def _on_trial(self) -> bool:
        """Whether a deployment reads the console just now, or is about to."""
        if not held(self._layout.swap_lock):
            return False
        return state.load(self._layout.state).phase not in (plan.STEADY, plan.STUCK)

    def _close(self) -> None:
        if self._tty >= 0:
            os.close(self._tty)
            self._tty = -1

    def _await(self, now: float) -> None:
        """The guest is gone: say so, and look for its successor."""
        if not self._told_end:
            if self._kept.read(self._offset, 1)[0]:
                return  # its last words come first
            self._event(f"{self._app} has ended")
            self._told_end, self._look_at, self._give_up = True, now, now + BACK_S
        if now < self._look_at:
            return
        deploying = held(self._layout.swap_lock)
        self._give_up = now + BACK_S if deploying else self._give_up
        found, release = self._find()
        if found and self._open(found):
            self._event(f"{self._app} is back: release {release}{', on trial' if self._on_trial() else ''}")
            self._told_end = False
        elif now > self._give_up:
            self._left = f"{self._app} did not come back within {BACK_S:.0f} s"
        self._look_at = time.monotonic() + _LOOK_S

    # --- both directions ------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        while self._laptop.pending and self._left is None:
            self._take(self._laptop.pending.pop(0))
        poll = select.poll()
        poll.register(self._laptop.inp, select.POLLIN)
        room = _WINDOW - (self._sent - self._seen)
        behind = bool(self._kept.read(self._offset, 1)[0])
        reading = self._tty >= 0 and room > 0 and not behind and not self._on_trial()
        if self._tty >= 0:
            wanted = (select.POLLIN if reading else 0) | (select.POLLOUT if self._typed else 0)
            poll.register(self._tty, wanted)
        wait = 0.0 if (behind and room > 0) or self._left is not None else _TICK_S
        ready = dict(poll.poll(wait * 1000))
        now = time.monotonic()
        if self._laptop.inp in ready:
            self._hear(now)
        if self._tty in ready:
            self._at_tty(ready[self._tty], min(room, 4096))
        if self._tty < 0:
            self._await(now)
        data, self._offset = self._kept.read(self._offset, max(0, min(room, 4096)))
        if data:
            self._sent += len(data)
            self._laptop.send(messages.Chunk(), data)
        if now - self._heard > SILENT_S:
            why = f"the board heard nothing from this laptop for {SILENT_S:.0f} s"
            hint = f"was it asleep? edgedeploy console {self._app}"
            self._laptop.send(messages.Failed(errors.WireFault.exit_code, why, hint, []))
            raise SystemExit(0)

    def _at_tty(self, ready: int, room: int) -> None:
        data, gone = b"", bool(ready & (select.POLLHUP | select.POLLERR))
        try:
            if ready & select.POLLIN and not self._on_trial():  # a trial may have begun while we waited
                data = os.read(self._tty, room)
                gone = not data
            if self._typed and ready & select.POLLOUT and not gone:
                self._accept(os.write(self._tty, self._typed))
        except BlockingIOError:
            gone = False
        except OSError:  # EIO: xenconsoled has closed its end
            gone = True
        if data:
            self._kept.add(data)
        elif gone:
            self._close()
            self._accept(len(self._typed))  # nobody will read that

    def _accept(self, count: int) -> None:
        del self._typed[:count]
        self._taken += count
        if count:
            self._laptop.send(messages.Seen(self._taken))

    def _hear(self, now: float) -> None:
        data = os.read(self._laptop.inp, 65536)
        if not data:
            raise SystemExit(0)  # the laptop is gone
        self._heard = now
        self._laptop.pending += self._laptop.feed(data)

    def _take(self, frame: frames.Frame) -> None:
        message = messages.from_frame(frame)
        if isinstance(message, messages.Seen):
            self._seen = min(message.count, self._sent)
        elif isinstance(message, messages.Detach):
            self._left = ""
        elif isinstance(message, messages.Chunk) and len(self._typed) + len(frame.body) <= _WINDOW:
            self._typed += frame.body
            if self._tty < 0:
                self._accept(len(self._typed))
        else:
            raise errors.ProtocolMismatch(f"{message.kind!r} does not belong here, or is more than the window")

    def _event(self, text: str) -> None:
        self._laptop.send(messages.Event("console", text))


def held(lock: Path) -> bool:
    """Whether anybody holds an flock on this file (proc_locks(5)). Trying it ourselves would be in a deployment's way."""
    try:
        inode = lock.stat().st_ino
    except FileNotFoundError:
        return False
    with open("/proc/locks", encoding="ascii") as locks:
        return any("FLOCK" in line and f":{inode} " in line for line in locks)


def _reader(tty: Path) -> str:
    """Another program that has the terminal open: "xenconsole (pid 77)". Whoever made it has it, too."""
    own = str(os.getpid())
    for pid in (entry for entry in os.listdir("/proc") if entry.isdigit() and entry != own):
        with contextlib.suppress(OSError):  # processes come and go meanwhile
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if _target(f"/proc/{pid}/fd/{fd}") == str(tty):
                    name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
                    if name != "xenconsoled" and _SUPERVISOR not in Path(f"/proc/{pid}/cmdline").read_bytes():
                        return f"{printable(name, 40)} (pid {pid})"
    return ""


_SUPERVISOR = b"edgedeploy.agent import supervisor"
"""stands in the command line of what makes a program's console (processes.py)"""


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""
