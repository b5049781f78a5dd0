"""The board's half of a session whose laptop is gone: known by its beacon, and sent away.

The port is ours alone, and one cable leads to one board: whoever it still waits for does not come back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgedeploy.core import linkcodec
from edgedeploy.core.link import Link
from edgedeploy.wires.serial.expect import Line

_RECENT = 4096


def number(raw: bytes) -> int | None:
    """Of the session whose beacon is in `raw`; None for none."""
    for piece in reversed(raw[-_RECENT:].split(bytes([linkcodec.MARK]))):
        for kept, _ in linkcodec.cuts(piece):
            found = linkcodec.body(kept, {ord("A"): 0}) if kept else None
            if found and len(found[0]) >= 5:
                return int.from_bytes(found[0][1:5], "big")
    return None


def dismiss(line: Line, patience: float = 4.0, clock: Callable[[], float] = time.monotonic) -> None:
    """Say good-bye in its name when it is heard within `patience` seconds. Raises Unreachable as the port does."""
    ends, raw, link = clock() + patience, b"", None
    while clock() < ends and not (link and link.over):
        data = line.read(4096, 0.1)
        raw = (raw + data)[-_RECENT:]
        if link is None and data and (found := number(raw)) is not None:
            link = Link(found, laptop=True, line=line.baud / 10)
        if link:
            link.receive(data, clock())
            if link.heard_at is not None:
                link.close()
            out, _ = link.poll(clock())
            line.write(out)
