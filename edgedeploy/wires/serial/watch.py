"""When a session over the cable is over, and why: decided from what the link heard, without I/O."""

from __future__ import annotations

import re

from edgedeploy.core import errors
from edgedeploy.core.link import Event, Kind
from edgedeploy.core.names import printable
from edgedeploy.wires.serial import text
from edgedeploy.wires.serial.shell import PROMPT

OUTAGE = 60.0
"""seconds that the cable may be out, or the board silent: as long as the board's half waits for us (agent/linkhost.py)"""
_SILENT = 6.0
"""seconds without a frame after which a person is told; the board says something twice a second"""
_VERDICT = 3.0
"""seconds after a restart's words in which a frame of the board's half proves that they were only words"""
_PATIENCE = 2.0
"""seconds between two tries to have Xen hand the input back"""
_LETTER = re.compile(rb"CTRL-([a-z])", re.I)
_RECENT = 8192


class Watch:
    """Tell it what happens; `step` says what to type, and raises Unreachable when the session is over."""

    def __init__(self, device: str, now: float, outage: float = OUTAGE) -> None:
        self._device, self._outage = device, outage
        self._out_since: float | None = None
        self._heard = self._back = now
        self._told_at: float | None = None
        self._stopped_at: float | None = None
        self._xen_at: float | None = None
        self._rotations = 0
        self._over: Kind | None = None
        self._recent = b""
        self.prompt = False
        """our shell's prompt stands there again: the board's half has ended"""

    @property
    def heard(self) -> tuple[str, ...]:
        """The last lines that were no frames: the kernel's and Xen's. Raw text from outside."""
        return tuple(line.strip() for line in text.plain(self._recent).split("\n") if line.strip())[-6:]

    def cable(self, out: bool, now: float) -> str:
        """The cable is out, or back: what a person should be told of it."""
        self._out_since = now if out else None
        self._back = now
        if not out:
            return "the cable is back"
        limit = f"{self._outage:.0f} s at most"
        return f"the cable is out; waiting for it, {limit} (it is safe to stop: the board keeps what it has)"

    def happened(self, event: Event, now: float) -> None:
        """The link says so."""
        if event.kind in (Kind.LOST, Kind.CLOSED):
            self._over = event.kind
        elif event.kind is Kind.STOP and "Serial input" in event.detail:
            self._xen_at = None if event.detail.endswith("DOM0") else now
        elif event.kind is Kind.STOP:
            self._stopped_at = now

    def news(self, now: float) -> str:
        """What a person should be told of the board now, "" when it is nothing new."""
        if self._told_at is not None:
            if self._heard <= self._told_at:
                return ""
            self._told_at = None
            return "the board is heard again"
        if self._out_since is not None or now - max(self._heard, self._back) < _SILENT:
            return ""
        self._told_at = now
        return f"the board says nothing; waiting for it, {self._outage:.0f} s at most (is the cable in at its end?)"

    def foreign(self, data: bytes) -> None:
        """Text between the frames."""
        self._recent = (self._recent + data)[-_RECENT:]

    def step(self, now: float, heard_at: float | None) -> bytes:
        """What to type now: nothing, or Xen's three Ctrl-A. `heard_at`: when the last frame came."""
        if heard_at is not None and heard_at > self._heard:
            self._heard = heard_at
            if self._stopped_at is not None and heard_at > self._stopped_at:
                self._stopped_at = None
        self._judge(now)
        if self._xen_at is not None and now - self._xen_at >= _PATIENCE and self._out_since is None:
            if self._rotations >= 6:  # dom0, Xen and four guests at most have the line in turn
                raise self._unreachable(
                    "Xen keeps the console's input", "see: edgedeploy console; there press Ctrl-A three times"
                )
            self._rotations, self._xen_at = self._rotations + 1, now
            letters = _LETTER.findall(self._recent)
            return bytes([(letters[-1].lower()[0] if letters else ord("a")) - ord("a") + 1]) * 3
        return b""

    def _judge(self, now: float) -> None:
        if self._over is Kind.CLOSED:
            raise self._unreachable("the board has ended the session over the cable", "try again")
        if self._over is Kind.LOST:
            raise self._unreachable("another session has the board's console", "end it, then try again")
        if self._stopped_at is not None and now - self._stopped_at >= _VERDICT:
            raise self._unreachable("the board has restarted", "wait for it to start, then try again")
        if self._out_since is not None and now - self._out_since >= self._outage:
            raise self._unreachable(
                f"the serial cable is out for more than {self._outage:.0f} s", "plug it in, then try again"
            )
        if self._out_since is None and now - self._heard >= self._outage:
            raise self._unreachable(
                f"the board says nothing for {self._outage:.0f} s", "is it on, and the cable plugged in at its end?"
            )
        if self._out_since is None and now - self._heard > 1.0 and self._prompted():
            self.prompt = True
            raise self._unreachable("the board's half of the serial link has ended", "try again")

    def _prompted(self) -> bool:
        return text.own(text.plain(self._recent[-512:])).endswith(PROMPT)

    def _unreachable(self, words: str, hint: str) -> errors.Unreachable:
        details = tuple(printable(line, 120) for line in self.heard)
        return errors.Unreachable(f"lost contact over {self._device}: {words}", hint=hint, details=details)
