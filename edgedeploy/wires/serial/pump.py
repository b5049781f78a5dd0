"""The thread that owns the port while a session runs: bytes between the cable, the link and the streams."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edgedeploy.agent.linkhost import ahead
from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.link import Kind as News
from edgedeploy.core.link import Link
from edgedeploy.core.mux import TAIL, Garbage, Kind, Mux
from edgedeploy.wires.serial.port import SerialPort
from edgedeploy.wires.serial.watch import Watch

_AGAIN = 0.5
"""seconds between two looks whether the cable is back"""
_GOOD_BYE = 2.0


@dataclass(slots=True)
class Inbox:
    """What came for one stream and was not read yet."""

    data: bytearray = field(default_factory=bytearray)
    words: bytes = b""
    ended: bool = False
    status: int | None = None
    refused: bool = False
    """the command takes no more input"""


class Pump:
    """One session. `changed` guards everything; the streams wait on it, the thread notifies."""

    def __init__(self, port: SerialPort, link: Link, line: float, names: tuple[str, ...], tell: Callable[[str], None]) -> None:
        """`line`: bytes/s. `names`: of the device, to look for after the cable was out."""
        self.changed = threading.Condition()
        self.fault: errors.EdgeError | None = None
        self.inboxes: dict[int, Inbox] = {}
        self.link, self.mux = link, Mux(laptop=True, window=int(line * 2))
        self.watch = Watch(port.device, time.monotonic())
        self._port, self._names, self._tell = port, names, tell
        self._ahead = ahead(line)
        self._leave = False
        self._out = False
        self._ring, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        self._thread = threading.Thread(target=self._run, name="serial", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something new to send."""
        with self.changed, contextlib.suppress(BlockingIOError):
            if self._bell >= 0:
                os.write(self._bell, b"!")

    def close(self) -> bool:
        """Say good-bye and stop the thread, within seconds. True when the board's half took, or may take, its leave."""
        with self.changed:
            self._leave = True
            alive = self.fault is None and not self._out
            self.fault = self.fault or errors.WireFault(f"{self._port.device} is closed")
            if alive:
                self.link.close()
            self.changed.notify_all()
        self.wake()
        self._thread.join(_GOOD_BYE * 3)
        with self.changed:
            os.close(self._ring)
            os.close(self._bell)
            self._bell = -1
        return alive or self.watch.prompt

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        except errors.EdgeError as fault:
            self._fail(fault)
        except Garbage as fault:
            self._fail(
                errors.ProtocolMismatch(
                    f"the board's half of the serial link is not ours: {fault}", hint="edgedeploy enrol"
                )
            )
        except BaseException as fault:  # noqa: BLE001 - a thread's end must not leave its streams waiting
            self._fail(errors.Bug(f"the serial link's thread broke: {fault!r}"))

    def _fail(self, fault: errors.EdgeError) -> None:
        self._port.forget()
        with self.changed:
            self.fault = self.fault or fault
            self.changed.notify_all()

    def _work(self) -> None:
        ends: Deadline | None = None
        while True:
            with self.changed:
                if self._leave and ends is None:
                    ends = Deadline.after(_GOOD_BYE)
                out, due = self._next()
                news = "" if self._leave else self.watch.news(time.monotonic())
            if news:
                self._tell(news)
            if ends and (self._out or self.link.over or ends.expired):
                if not self._out:
                    self._write(out)
                return
            if self._out:
                self._look_for_cable()
            else:
                self._carry(out, due)

    def _next(self) -> tuple[bytes, float]:
        now = time.monotonic()
        typed = b"" if self._leave else self.watch.step(now, self.link.heard_at)
        while (room := self._ahead - self.link.waiting) > 0 and (data := self.mux.take(room)):
            self.link.send(data)
        out, due = self.link.poll(now)
        return typed + out, min(due, now + 0.5)

    def _carry(self, out: bytes, due: float) -> None:
        try:
            self._write(out)
            ready, _, _ = select.select([self._port.fileno(), self._ring], [], [], max(0.0, due - time.monotonic()))
            if self._ring in ready:
                os.read(self._ring, 4096)
            data = self._port.read(65536, 0) if self._port.fileno() in ready else b""
        except errors.Unreachable:
            self._cable(out=True)
            return
        with self.changed:
            self._heard(data)
            self.changed.notify_all()

    def _write(self, out: bytes) -> None:
        if out:
            self._port.write(out, _GOOD_BYE)

    def _heard(self, data: bytes) -> None:
        now = time.monotonic()
        self.link.receive(data, now)
        self.watch.foreign(self.link.text())
        for event in self.link.events():
            self.watch.happened(event, now)
            if event.kind is News.STOP:
                self._port.forget()
                if event.detail.endswith("DOM0"):
                    self.link.resume()
        for kind, channel, payload in self.mux.feed(self.link.read()):
            if box := self.inboxes.get(channel):
                _deliver(box, kind, payload)

    def _cable(self, *, out: bool) -> None:
        with self.changed:
            self._out = out
            words = self.watch.cable(out, time.monotonic())
        self._tell(words)

    def _look_for_cable(self) -> None:
        for name in self._names:
            try:
                self._port.reopen(name)
            except errors.EdgeError:
                continue
            self._cable(out=False)
            return
        if select.select([self._ring], [], [], _AGAIN)[0]:
            os.read(self._ring, 4096)


def _deliver(box: Inbox, kind: Kind, payload: bytes) -> None:
    if kind is Kind.DATA:
        box.data += payload
    elif kind is Kind.EOF:
        box.ended = True
    elif kind is Kind.DROP:
        box.refused = True
    elif kind is Kind.WORDS:
        box.words = (box.words + payload)[-TAIL:]
    elif kind is Kind.EXIT:
        box.status = payload[0]
