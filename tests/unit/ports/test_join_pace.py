"""How fast a person's typing goes over: simulated, so that the time between two pieces is exact."""

from __future__ import annotations

import os
import select
from types import SimpleNamespace

import pytest

from edgedeploy.ports import join
from edgedeploy.wires.serial.terminal import Cable

TEXT = b"".join(b"line %d of a pasted text;" % i for i in range(40))


class World:
    """A clock that goes on when the program waits; the port of a cable that keeps what is written, and when.

    The board has something to say all the time until it was sent everything, so that no wait is as long as it was meant.
    """

    device, vanished = "/dev/ttyUSB0", False

    def __init__(self) -> None:
        self.now = 100.0
        self.written: list[tuple[float, bytes]] = []
        self.chatter = os.pipe()
        os.write(self.chatter[1], b"!")

    def select(self, reads: list[int], _writes: object, _rest: object, timeout: float) -> tuple[list[int], list[int], list[int]]:
        ready = select.select(reads, [], [], 0)
        self.now += min(timeout, 0.003) if ready[0] else timeout
        return ready

    def read(self, _n: int, _timeout: float) -> bytes:
        if b"".join(data for _, data in self.written) == TEXT:
            os.read(self.chatter[0], 1)
        return b""

    def write(self, data: bytes) -> None:
        self.written.append((self.now, data))

    def fileno(self) -> int:
        return self.chatter[0]


def test_a_paste_goes_over_no_faster_than_a_board_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Xen's console keeps 128 bytes for a guest that is slow to read."""
    world = World()
    monkeypatch.setattr(join, "time", SimpleNamespace(monotonic=lambda: world.now))
    monkeypatch.setattr(join, "select", SimpleNamespace(select=world.select))
    keyboard, typed = os.pipe()
    os.write(typed, TEXT)
    os.close(typed)
    join._Copy(Cable(world), keyboard, None, None, None).run()  # type: ignore[arg-type]  # a SerialPort as far as asked
    assert b"".join(data for _, data in world.written) == TEXT
    assert max(len(data) for _, data in world.written) == 16
    times = [when for when, _ in world.written]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert round(min(gaps), 6) >= 0.02
    assert max(gaps) < 0.025, "and not much slower"
    for end in (keyboard, *world.chatter):
        os.close(end)
