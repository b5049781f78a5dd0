"""What an audience saw of a change: from the list of its requests to figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.prober import PATIENCE, Asked


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one change. Seconds, and numbers of requests."""

    asked: int
    failed: int
    """no right answer: refused, cut off, wrong, or none within the prober's patience"""
    hung: int
    """of them: none within its patience"""
    elsewhere: int
    """of those that failed: the ones that were over before the change, or began after it"""
    outage: float
    """from the last right answer before the change to the first after it; 0 where answers of both kinds overlap"""
    gap_at_change: float
    """the longest stretch without a right answer that touches the first new one"""
    gap_elsewhere: float
    """the longest of all others, while the board had a guest to boot"""
    first_new: float
    """when, by time.monotonic(); 0 where the new content was never seen"""


def seen(requests: Sequence[Asked], since: float, until: float) -> Seen:
    """Of the requests that began between two moments."""
    mine = sorted((one for one in requests if since <= one.began <= until), key=lambda one: one.ended)
    right = [one for one in mine if one.mark]
    new = [one.ended for one in right if one.mark == "new"]
    first = new[0] if new else 0.0
    old = [one.ended for one in right if one.mark == "old" and one.ended < first] if new else []
    gaps = [(after.ended - before.ended, before.ended, after.ended) for before, after in pairwise(right)]
    at = [gap for gap, begin, end in gaps if first and begin <= first <= end]
    other = [gap for gap, begin, end in gaps if not (first and begin <= first <= end)]
    failed = [one for one in mine if not one.mark]
    lost = any(old and old[-1] <= one.began <= first for one in failed)
    away = [one for one in failed if not first or one.began > first or (old and one.ended < old[-1])]
    return Seen(
        len(mine), len(failed), sum(one.ended - one.began >= PATIENCE for one in failed), len(away),
        first - old[-1] if old and lost else 0.0, max(at, default=0.0), max(other, default=0.0), first,
    )  # fmt: skip
