"""Every test has one tier, and a test without one ends the run by its name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import tiers


@pytest.mark.parametrize(
    ("path", "marked", "tier"),
    [
        ("tests/unit/core/test_x.py", [], "unit"),
        ("tests/unit/core/test_x.py", ["parametrize"], "unit"),
        ("tests/contract/test_x.py", ["contract"], "contract"),
        ("tests/board/test_x.py", ["journey"], "journey"),
        ("tests/board/test_x.py", ["board", "board"], "board"),
        ("tests/fuzz/test_x.py", [], "fuzz"),
        ("tests/fuzz/test_x.py", ["search"], "search"),
    ],
)
def test_a_folder_has_its_tier_and_some_tests_say_theirs(path: str, marked: list[str], tier: str) -> None:
    assert tiers.of(path, marked) == tier


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        ("tests/test_x.py", []),
        ("tests/other/test_x.py", ["unit"]),
        ("tests/board/test_x.py", []),
        ("tests/board/test_x.py", ["board", "journey"]),
        ("tests/board/test_x.py", ["unit"]),
        ("tests/unit/test_x.py", ["journey"]),
    ],
)
def test_no_tier_two_tiers_or_another_folders_are_refused(path: str, marked: list[str]) -> None:
    with pytest.raises(ValueError, match="a test has one tier"):
        tiers.of(path, marked)


def test_all_that_have_none_are_named() -> None:
    def item(name: str) -> SimpleNamespace:
        path = Path("/tree") / name
        return SimpleNamespace(
            path=path, nodeid=f"{name}::test_x", iter_markers=list, user_properties=[], add_marker=print
        )

    good = item("tests/unit/test_good.py")
    with pytest.raises(pytest.UsageError) as caught:
        tiers.mark([item("tests/test_a.py"), good, item("tests/board/test_b.py")], "/tree")
    first, second = str(caught.value).splitlines()
    assert first.startswith("tests/test_a.py::test_x: ")
    assert second.startswith("tests/board/test_b.py::test_x: ")
    assert good.user_properties == [("tier", "unit")]


def test_what_needs_no_board_runs_first_and_the_boards_once_for_both_their_tiers() -> None:
    assert tiers.runs(list(tiers.TIERS)) == [["unit", "fuzz", "contract"], ["journey", "board"], ["search"]]
    assert tiers.runs(tiers.USUAL) == [["unit", "fuzz", "contract"], ["journey"]]
    assert tiers.runs(["contract", "board"]) == [["contract"], ["board"]]
    assert tiers.runs(["search", "journey"]) == [["journey"], ["search"]]


def test_what_can_wait_runs_beside_the_boards_and_with_the_others_where_there_are_none() -> None:
    assert tiers.beside(tiers.USUAL) == ["corpus"]
    assert tiers.beside(["unit", "corpus"]) == []
    assert tiers.runs(["unit", "corpus"]) == [["unit", "corpus"]]
    assert tiers.beside(["unit", "board"]) == []
