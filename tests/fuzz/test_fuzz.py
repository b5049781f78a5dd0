"""The tier "fuzz": every target on its seeds and on all that is kept. Nothing is searched: see test_search.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import child, engine
from tests.fuzz.target import Target, timed

ALL = child.targets()


@pytest.mark.parametrize("target", ALL.values(), ids=ALL)
def test_its_seeds_hold(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for seed in seeds:
        timed(target.run)(seed)


@pytest.mark.parametrize("target", ALL.values(), ids=ALL)
def test_what_is_kept_holds(target: Target) -> None:
    kept = engine.kept(target)
    assert kept, "python -m tests.fuzz.pick"
    for name, data in kept.items():
        try:
            timed(target.run)(data)
        except Exception as error:
            error.add_note(f"the input: tests/fuzz/corpus/{target.name}/{name}")
            raise


def test_an_input_that_is_kept_is_replayed(tmp_path: Path) -> None:
    planted = child.targets("tests.fuzz.planted")["planted"]
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "crash-1").write_bytes(b"KLS")
    (data,) = engine.kept(planted, tmp_path).values()
    with pytest.raises(AssertionError, match="the planted fault"):
        timed(planted.run)(data)


def test_every_kept_input_belongs_to_a_target() -> None:
    assert {path.name for path in engine.KEPT.iterdir() if path.is_dir()} <= set(ALL)
