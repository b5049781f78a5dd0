"""The lines on which the link is measured, and what a transfer over one of them came to."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bench.line import Faults
from bench.session import Session


@dataclass(frozen=True)
class Condition:
    """A line in both directions; `goal`: percent of the line's rate that must be reached, up and down, where one is set."""

    name: str
    up: Faults
    down: Faults
    goal_up: float = 0.0
    goal_down: float = 0.0


XEN = Faults(xen="in", ring=128, read=0.005)
CONDITIONS = (
    Condition("clean, 8 bits", Faults(), Faults(), 96.4, 96.4),
    Condition("bit error in 50 kB", Faults(errors=50_000), Faults(errors=50_000)),
    Condition("dropped byte in 50 kB", Faults(drops=50_000), Faults(drops=50_000)),
    Condition("log line in 2 s", Faults(), Faults(logs=2), 95.0, 95.0),
    Condition("ring 128, read each 5 ms", Faults(ring=128, read=0.005), Faults()),
    Condition("ring 128, read each 20 ms", Faults(ring=128, read=0.02), Faults()),
    Condition("20 ms latency", Faults(latency=0.02), Faults(latency=0.02)),
    Condition("Xen's console", XEN, Faults(xen="out"), 84.0, 0.0),
    Condition("Xen's console, log line in 2 s", XEN, Faults(xen="out", logs=2), 84.0, 0.0),
    Condition(
        "all at once",
        Faults(xen="in", ring=128, read=0.02, latency=0.02, errors=50_000, drops=200_000),
        Faults(xen="out", logs=2, burst=4, latency=0.02, errors=50_000),
    ),
    Condition("Xen's, cable out for 10 s", Faults(**{**vars(XEN), "cable_out": (5, 15)}), Faults(xen="out", cable_out=(5, 15))),
)


@dataclass(frozen=True)
class Outcome:
    """Of one transfer: right or not, seconds of virtual time, rules that were broken."""

    right: bool
    seconds: float
    wrong: tuple[str, ...]


def carry(condition: Condition, size: int, seed: int, *, up: bool, down: bool) -> Outcome:
    """Carry `size` random bytes up, down, or both ways at once."""
    data = random.Random(seed)
    session = Session(condition.up, condition.down, seed)
    limit = 60 + size / 300
    right = session.transfer(data.randbytes(size) if up else b"", data.randbytes(size) if down else b"", limit)
    seconds = max(session.ended["up"] if up else 0.0, session.ended["down"] if down else 0.0)
    return Outcome(right, seconds, tuple(session.wrong))
