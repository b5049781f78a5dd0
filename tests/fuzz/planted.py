"""A target with a fault in it: proves that the machinery finds one (test_fuzz.py), and is no part of a run."""

from __future__ import annotations

from tests.fuzz.target import Target, ensure


def planted(data: bytes) -> None:
    """Fails behind three nested conditions, which no blind guess passes in the time it is given."""
    if len(data) > 2 and data[0] == 0x4B and data[1] == 0x4C:
        ensure(data[2] != 0x53, "the planted fault")


TARGETS = (Target("planted", planted, lambda: [b"nothing"], max_len=16),)
