"""The tiers of the tests: each is a marker, every test has exactly one, and two sizes of run are made of them.

A folder has its tier, but for `tests/board`, whose tests say themselves whether they are a journey, and for what searches
in `tests/fuzz`. The folder's marker is put on here, so that it stands in one place; a test without one ends the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Tier:
    """Which tests it has, and how they are run."""

    folder: str
    says: str
    parallel: bool = True
    """by several workers, in one run with the other parallel tiers"""
    always: bool = True
    """in `make test`; else in `make test-all` only"""
    peers: bool = False
    """with programs that are not ours and have clocks of their own"""
    explicit: bool = False
    """its tests carry the marker in their own source"""


TIERS = {
    "unit": Tier("tests/unit", "one module, no peers but the file system"),
    "corpus": Tier("tests/corpus", "every artefact of the corpus, and Xen's own loader beside us"),
    "fuzz": Tier("tests/fuzz", "what reads bytes from outside, on its seeds and all that was ever found; nothing is searched"),
    "contract": Tier("tests/contract", "a Protocol's promises, against a real peer (sshd, Avahi, getty, a tty)", peers=True),
    "journey": Tier("tests/board", "what a person does with a board, on real Xen under QEMU", parallel=False, explicit=True),
    "search": Tier("tests/fuzz", "fuzzing proper: searches for new faults", parallel=False, always=False, explicit=True),
    "board": Tier("tests/board", "the rest that only real Xen can show", parallel=False, always=False, explicit=True),
}  # fmt: skip

BOARDS = "tests/board"
USUAL = [name for name, tier in TIERS.items() if tier.always]


def runs(wanted: Sequence[str]) -> list[list[list[str]]]:
    """Which tiers are run together: one stage after the other, and in a stage several runs at once.

    Beside a board, which takes what it can get of two cores, run only tests that nobody else's clock goes on for: those
    with real peers have the machine for themselves.
    """
    parallel = [name for name in TIERS if name in wanted and TIERS[name].parallel]
    apart: dict[str, list[str]] = {}
    for name, tier in TIERS.items():
        if name in wanted and not tier.parallel:
            apart.setdefault(tier.folder, []).append(name)
    boards = apart.pop(BOARDS, [])
    alone = [name for name in parallel if boards and TIERS[name].peers]
    beside = [names for names in (boards, [name for name in parallel if name not in alone]) if names]
    return [stage for stage in ([alone] if alone else [], beside, *([names] for names in apart.values())) if stage]


def of(path: str, marked: Iterable[str]) -> str:
    """The tier of a test in the file `path` that carries the markers `marked`; raises ValueError where there is not one."""
    there = [name for name, tier in TIERS.items() if path.startswith(tier.folder + "/")]
    found = sorted({name for name in marked if name in TIERS}) or [name for name in there if not TIERS[name].explicit]
    if len(found) != 1 or found[0] not in there:
        could = " or ".join(there) or ", ".join(f"in {tier.folder}: {name}" for name, tier in TIERS.items())
        said = " and ".join(found) or "none"
        raise ValueError(f"a test has one tier ({could}), this one has {said}")
    return found[0]


def mark(items: Iterable[pytest.Item], root: str) -> None:
    """Put its tier on every test; the name also travels with its reports. Raises UsageError with all that have none."""
    wrong = []
    for item in items:
        path = item.path.relative_to(root).as_posix()
        try:
            tier = of(path, {marker.name for marker in item.iter_markers()})
        except ValueError as error:
            wrong.append(f"{item.nodeid}: {error}")
            continue
        if not TIERS[tier].explicit:
            item.add_marker(tier)
        item.user_properties.append(("tier", tier))
    if wrong:
        raise pytest.UsageError("\n".join(wrong))
