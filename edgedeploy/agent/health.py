"""The health probe: is the release answering, and is what it serves what was released? Asked from dom0."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from edgedeploy.agent import httpget
from edgedeploy.core.release import Health

_LIMIT = 64 << 20
_WRONG_CONTENT_PATIENCE = 5.0  # a guest may answer before its content is in place; not for long


@dataclass(slots=True)
class Verdict:
    """`reason` is empty when the probe is satisfied; `first_answer` is time.monotonic() of the first right status."""

    reason: str = ""
    status: int = 0
    """of the last answer; 0: the last question had none"""
    served: dict[str, str] = field(default_factory=dict)
    first_answer: float = 0.0


def fetch(health: Health, path: str, timeout: float, within: httpget.Within = nullcontext) -> tuple[int, str]:
    """Status and SHA-256 of one GET. Raises OSError."""
    answer = httpget.get(health.address, health.port, path, timeout, within)
    status, digest, size = next(answer), hashlib.sha256(), 0
    for piece in answer:
        digest.update(piece)
        size += len(piece)
        if size > _LIMIT:
            raise OSError(f"{path} is larger than {_LIMIT} bytes")
    return int(status), digest.hexdigest()


def probe(health: Health, dead: Callable[[], str], within: httpget.Within = nullcontext) -> Verdict:
    """Ask until satisfied, the guest is `dead` (a reason, "" while alive) or health.timeout_s is over.

    It is reached `within`. Content that is wrong is given a few seconds; a page that hangs once is asked for again.
    """
    ends = time.monotonic() + health.timeout_s
    verdict, look_again, wrong_since = Verdict(), 0.0, 0.0
    while True:
        problem, wrong = _ask(health, verdict, within)
        verdict.reason = problem
        if not problem:
            return verdict
        wrong_since = (wrong_since or time.monotonic()) if wrong else 0.0
        if wrong_since and time.monotonic() - wrong_since > _WRONG_CONTENT_PATIENCE:
            return verdict
        looks = time.monotonic()
        if looks >= look_again:
            if reason := dead():
                verdict.reason = reason
                return verdict
            # `xl list` is half a second of a small core, on which the guest boots: a fifth of the time at most
            look_again = time.monotonic() + max(1.0, 4 * (time.monotonic() - looks))
        if time.monotonic() >= ends:
            silent = f"no answer within {health.timeout_s} s: {problem}"
            verdict.reason = f"for {health.timeout_s} s {problem}" if verdict.status else silent
            return verdict
        time.sleep(0.1)


def _ask(health: Health, verdict: Verdict, within: httpget.Within) -> tuple[str, bool]:
    """What is wrong ("": nothing), and whether it is the content. Pages that were right before are not asked for again."""
    where = f"http://{health.address}:{health.port}"
    verdict.status = 0
    try:
        verdict.status, digest = fetch(health, health.path, 2.0, within)
        if verdict.status != health.status:
            return f"{where}{health.path} answered with {verdict.status} instead of {health.status}", False
        verdict.first_answer = verdict.first_answer or time.monotonic()
        verdict.served[str(health.path)] = digest
        for path, wanted in health.serves.items():
            if verdict.served.get(str(path)) != wanted:
                verdict.served[str(path)] = fetch(health, path, 5.0, within)[1]
    except OSError as error:
        return f"{where}{health.path}: {error or type(error).__name__}", False
    wrong = [path for path, wanted in health.serves.items() if verdict.served[path] != wanted]
    return (f"what is served at {wrong[0]} is not what was released", True) if wrong else ("", False)
