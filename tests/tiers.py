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
    """in one run with the other parallel tiers, by as many workers as waiting allows"""
    always: bool = True
    """in `make test`; else in `make test-all` only"""
    explicit: bool = False
    """its tests carry the marker in their own source"""
    patient: bool = False
    """nobody waits in its tests, and no clock runs: they take what the boards leave of the cores"""


TIERS = {
    "unit": Tier("tests/unit", "one module, no peers but the file system"),
    "corpus": Tier("tests/corpus", "every artefact of the corpus, and Xen's own loader beside us", patient=True),
    "fuzz": Tier("tests/fuzz", "what reads bytes from outside, on its seeds and all that was ever found; nothing is searched"),
    "contract": Tier("tests/contract", "a Protocol's promises, against a real peer (sshd, Avahi, getty, a tty)"),
    "journey": Tier("tests/board", "what a person does with a board, on real Xen under QEMU", parallel=False, explicit=True),
    "search": Tier("tests/fuzz", "fuzzing proper: searches for new faults", parallel=False, always=False, explicit=True),
    "board": Tier("tests/board", "the rest that only real Xen can show", parallel=False, always=False, explicit=True),
}  # fmt: skip

BOARDS = "tests/board"
USUAL = [name for name, tier in TIERS.items() if tier.always]


def runs(wanted: Sequence[str]) -> list[list[str]]:
    """Which tiers are run together, one run after the other; what is `beside` the boards is not among them."""
    together: dict[str, list[str]] = {}
    for name, tier in TIERS.items():
        if name in wanted and name not in beside(wanted):
            together.setdefault("" if tier.parallel else tier.folder, []).append(name)
    return [together.pop(first) for first in ("", BOARDS) if first in together] + list(together.values())


def beside(wanted: Sequence[str]) -> list[str]:
    """Which tiers run while the boards do: boards of one core leave some of it idle, to whom it does not matter when."""
    boards = any(TIERS[name].folder == BOARDS for name in wanted)
    return [name for name in wanted if boards and TIERS[name].patient]


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
