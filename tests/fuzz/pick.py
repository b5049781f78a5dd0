"""`python -m tests.fuzz.pick [TARGET…]`: of all that `make fuzz` has grown, the few inputs worth keeping in git.

Kept are those that reach what neither the target's seeds nor the other kept ones reach: a step from one line to another
in what is read by it. The smallest of the most telling ones first.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz import child, engine
from tests.fuzz.target import Target

MOST, BYTES = 24, 10_000
"""of one target: files, and bytes together"""
_READERS = str(engine.ROOT / "edgedeploy")
Step = tuple[CodeType, int, int]


def steps(run: Callable[[bytes], None], data: bytes) -> frozenset[Step]:
    """From which line to which `run` went in our own code."""
    found: set[Step] = set()

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_READERS):
            return None
        before = frame.f_lineno

        def line(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal before
            found.add((frame.f_code, before, frame.f_lineno))
            before = frame.f_lineno
            return line

        return line

    sys.settrace(tracer)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return frozenset(found)


def grown(target: Target) -> Iterable[bytes]:
    """Whatever there is to choose from: what was grown and kept, and each seed cut off."""
    yield from engine.kept(target).values()
    for path in (engine.GROWN / "corpus" / target.name).glob("*"):
        yield path.read_bytes()
    for seed in target.seeds():
        for part in range(1, 8):
            yield seed[: len(seed) * part // 8]


def pick(target: Target) -> list[bytes]:
    """The inputs to keep."""
    covered = set[Step]().union(*(steps(target.run, seed) for seed in target.seeds()))
    left = {data: steps(target.run, data) for data in set(grown(target)) if len(data) <= target.max_len}
    picked: list[bytes] = []
    room = BYTES
    while left and len(picked) < MOST:
        best = max(left, key=lambda data: (len(left[data] - covered), -len(data), data))
        reached = left.pop(best)
        if not reached - covered:
            break
        if len(best) <= room:
            picked.append(best)
            room -= len(best)
            covered |= reached
    return picked


def main() -> None:
    """Add to each target's folder what is picked. What is there stays: it may be a fault that was mended."""
    child.tame()
    known = child.targets()
    for name in sys.argv[1:] or known:
        picked = pick(known[name])
        folder = Path(engine.KEPT / name)
        folder.mkdir(exist_ok=True)
        for data in picked:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        print(f"{name}: {len(picked)} inputs, {sum(map(len, picked))} bytes", flush=True)


if __name__ == "__main__":
    main()
