"""What a fuzz target is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from edgedeploy.core import errors

T = TypeVar("T")
Shape = Callable[[bytearray, Random], bytes]


@dataclass(frozen=True)
class Target:
    """`run` must return for any bytes. `seeds` are small inputs that reach far; `words` is libFuzzer's dictionary.

    `shape` puts structure back into mutated bytes (magics, lengths, offsets), so that the code behind a header is reached.
    `share`: of the time, against the other targets'.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()
    shape: Shape | None = None
    max_len: int = 4096
    share: int = 1


SLOWEST_CPU_S = 2
"""For one input of at most `max_len` bytes, with instrumented code (some ten times slower). CPU time: a busy machine is no fault."""


def timed(run: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """`run`, failing when it takes far longer than any small input should."""

    def measured(data: bytes) -> T:
        started = time.process_time()  # clock: what a parser may cost is what is tested, by the process's own CPU
        answer = run(data)
        took = time.process_time() - started  # clock: as above
        ensure(took < SLOWEST_CPU_S, f"{len(data)} bytes took {took:.1f} s")
        return answer

    return measured


def ensure(holds: object, *why: object) -> None:
    """An assertion that says what it saw; not `assert`, so that no -O and no rewriting changes it."""
    if not holds:
        raise AssertionError(" ".join(map(str, why)))


def ours(error: errors.EdgeError, *allowed: type[errors.EdgeError]) -> None:
    """An error that a person may be shown: of an allowed class, with words, and able to leave through any terminal."""
    ensure(isinstance(error, allowed), "wrong class:", type(error).__name__, error.message)
    ensure(error.message.strip(), "an error without words")
    for text in (error.message, error.hint, *error.details):
        ensure(len(text) < 100_000, "a message of", len(text), "characters")
