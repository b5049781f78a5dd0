"""One direction of a serial line with its faults, without I/O and without a clock: bytes in at a time, bytes out at a time.

A byte leaves ten bit times after the one before it; latency, bit errors, drops, log lines that cut in, a cable that is out,
Xen's console on the way, and a receive ring that is emptied now and then. Random by a seed, so a run can be repeated.
Sources of the numbers: docs/adr/0009.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

BAUD = 115200
FULL = BAUD / 10
"""bytes/s of 115200 8N1"""
UPTIME = 5000.0
"""seconds by the board's clock when the line begins: a kernel that says 2 s is taken for one that boots, and left alone"""
_MASK = bytes(b & 0x7F for b in range(256))
_TX_BUFFER = 16384  # Xen's; full, it drops until half is free (serial.c: tx_quench)


@dataclass(frozen=True)
class Faults:
    """What is wrong with one direction."""

    rate: float = FULL
    latency: float = 0.0
    errors: float = 0.0
    """bytes between two flipped bits, on average; 0: none"""
    drops: float = 0.0
    """bytes between two that vanish, on average; 0: none"""
    ring: int = 0
    """bytes of the receiver's ring, what is too much vanishes; 0: no bound"""
    read: float = 0.01
    """seconds between two readings of the ring"""
    xen: str = ""
    """"in": Xen takes the bytes in for dom0 (7 bits, Ctrl-A, Ctrl-O); "out": Xen writes them for dom0 (LF becomes CR LF)"""
    logs: float = 0.0
    """seconds between two log lines; 0: none"""
    burst: int = 1
    """log lines at a time"""
    cable_out: tuple[float, float] = (0.0, 0.0)


class Line:
    """Carries what `write` was given; `deliver` hands over what the far end's reader gets at its readings."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.incidents: list[str] = []
        """what must not happen: a SysRq, a debug key for Xen"""
        self.carried = 0
        self._random = random.Random(seed)
        self._queue = bytearray()
        self._clock = 0.0  # when the first byte of the queue starts to leave
        self._held: list[tuple[float, int]] = []  # arrivals, bytes each, that wait in the ring for its reading
        self._ring = bytearray()
        self._phase = self._random.random() * faults.read
        self._next_error, self._next_drop = self._after(faults.errors), self._after(faults.drops)
        self._logs = self._log_times()
        self._log_at = next(self._logs)
        self._quenched = False
        self._ctrl_a, self._at_xen, self._sysrq = 0, False, False
        self._arriving: list[tuple[float, bytes]] = []

    def write(self, data: bytes, now: float) -> None:
        """The near end writes `data`."""
        self._advance(now)
        if not self._queue:
            self._clock = max(self._clock, now)
        if self.faults.xen == "out":
            data = self._to_xen(data)
        self._queue += data

    def deliver(self, now: float) -> bytes:
        """What the far end has read until `now`."""
        self._advance(now)
        out, rest = bytearray(), []
        for read, data in self._arriving:
            if read <= now:
                out += data
            else:
                rest.append((read, data))
        self._arriving = rest
        return bytes(self._dom0(out)) if self.faults.xen == "in" else bytes(out)

    @property
    def waiting(self) -> int:
        """Bytes that have not left yet, at the time of the last call."""
        return len(self._queue)

    def next_at(self) -> float:
        """When `deliver` may have something, if nothing is written before."""
        if self._arriving:
            return self._arriving[0][0]
        if self._queue:
            return self._reading(max(self._clock, 0.0) + 1 / self.faults.rate + self.faults.latency)
        return self._reading(self._log_at + 1 / self.faults.rate + self.faults.latency)

    def _advance(self, now: float) -> None:
        while True:
            if self._log_at <= now and (not self._queue or self._log_at <= self._clock):
                if not self._queue:
                    self._clock = max(self._clock, self._log_at)
                self._queue[:0] = self._log()
                self._log_at = next(self._logs)
            until = min(now, self._log_at) if self._log_at > self._clock else now
            count = min(len(self._queue), int((until - self._clock) * self.faults.rate + 1e-3))
            if count <= 0:
                if self._log_at <= now and self._log_at > self._clock and self._queue:
                    count = 1  # the byte on its way when the line cuts in
                else:
                    return
            data = bytes(self._queue[:count])
            del self._queue[:count]
            self._leave(data)

    def _leave(self, data: bytes) -> None:
        self.carried += len(data)
        bit = 1 / self.faults.rate
        start, self._clock = self._clock, self._clock + len(data) * bit
        for at, piece in self._pieces(data, start, bit):
            cut = self.faults.cable_out
            kept = b"" if cut[0] <= at < cut[1] else self._damaged(piece)
            if self.faults.xen == "in":
                kept = self._switched(kept)
            if kept:
                self._arrive(at, kept)

    def _pieces(self, data: bytes, start: float, bit: float) -> Iterator[tuple[float, bytes]]:
        """`data` cut where the far end reads, each with the time of that reading."""
        first = 0
        while first < len(data):
            at = self._reading(start + (first + 1) * bit + self.faults.latency)
            count = max(1, int((at - start - self.faults.latency) / bit + 1e-3) - first)
            yield at, data[first : first + count]
            first += count

    def _reading(self, at: float) -> float:
        """The first reading of the ring at or after `at`."""
        if at == float("inf"):
            return at
        return self._phase - (self._phase - at + 1e-9) // self.faults.read * self.faults.read

    def _arrive(self, at: float, data: bytes) -> None:
        if self._arriving and abs(self._arriving[-1][0] - at) < 1e-9:
            at, before = self._arriving.pop()
            data = before + data
        self._arriving.append((at, data[: self.faults.ring] if self.faults.ring else data))

    def _damaged(self, data: bytes) -> bytes:
        out = bytearray(data)
        if self.faults.errors:
            while self._next_error < len(out):
                out[self._next_error] ^= 1 << self._random.randrange(8)
                self._next_error += self._after(self.faults.errors) + 1
            self._next_error -= len(out)
        if self.faults.drops:
            while self._next_drop < len(out):
                del out[self._next_drop]
                self._next_drop += self._after(self.faults.drops)
            self._next_drop -= len(out)
        return bytes(out)

    def _after(self, mean: float) -> int:
        return int(self._random.expovariate(1 / mean)) if mean else 0

    def _to_xen(self, data: bytes) -> bytes:
        """serial_puts: an LF gets a CR; __serial_putc: a full buffer drops until half of it is free."""
        if len(self._queue) < _TX_BUFFER // 2:
            self._quenched = False
        data = data.replace(b"\n", b"\r\n")
        if self._quenched:
            return b""
        room = _TX_BUFFER - len(self._queue)
        self._quenched = len(data) > room
        return data[:room]

    def _switched(self, data: bytes) -> bytes:
        """serial_rx_interrupt: seven bits; serial_rx: three Ctrl-A switch, one or two wait for the next byte."""
        data = data.translate(_MASK)
        if b"\1" not in data and not self._ctrl_a and not self._at_xen:
            return data
        out = bytearray()
        for byte in data:
            if byte == 1:
                self._ctrl_a += 1
                if self._ctrl_a == 3:
                    self._ctrl_a, self._at_xen = 0, not self._at_xen
                continue
            if self._at_xen:
                self.incidents.append(f"debug key {byte:#04x} for Xen")
            else:
                out += b"\1" * self._ctrl_a + bytes([byte])
            self._ctrl_a = 0
        return bytes(out)

    def _dom0(self, data: bytearray) -> bytearray:
        """hvc_poll: Ctrl-O and the byte after it are a SysRq."""
        if 15 not in data and not self._sysrq:
            return data
        out = bytearray()
        for byte in data:
            if self._sysrq and byte != 15:
                self.incidents.append(f"SysRq {byte:#04x}")
            elif self._sysrq or byte != 15:
                out.append(byte)
            self._sysrq = byte == 15 and not self._sysrq
        return out

    def _log_times(self) -> Iterator[float]:
        at = 0.0
        while self.faults.logs:
            at += self.faults.logs * self._random.uniform(0.5, 1.5)
            yield at
        while True:
            yield float("inf")

    def _log(self) -> bytes:
        """As it appears on the wire: the kernel's lines through hvc and Xen, and Xen's own."""
        lines = []
        at = UPTIME + self._log_at
        for _ in range(self.faults.burst):
            number = self._random.randrange(10**6)
            lines.append(
                self._random.choice(
                    (
                        f"[{at:12.6f}] xenbr0: port 2(vif{number % 9}.0) entered forwarding state\r\r\n",
                        f"[{at:12.6f}] xen-blkback: backend/vbd/{number}/51712: using 2 queues, protocol 1\r\r\n",
                        f"(XEN) d{number % 9}v0: vGICD: unhandled word write {number:#010x} to ICACTIVER4\r\n",
                        f"(XEN) grant_table.c:1882:d{number % 9}v0 Expanding d{number % 9} grant table to 2 frames\r\n",
                    )
                )
            )
        return "".join(lines).encode()
