"""The folder that an app was pushed from is named where its name alone says nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgedeploy.cli import settings
from edgedeploy.core import errors
from edgedeploy.depot import pushed_from


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def test_the_last_folder_is_named_as_it_is_typed(tmp_path: Path) -> None:
    for name in ("old decks", "new decks"):
        (tmp_path / name).mkdir()
        pushed_from.remember("decks", tmp_path / name)
    with pytest.raises(errors.UsageFault, match=f"no app 'decks' here; it was last pushed from {tmp_path}/new decks") as found:
        settings.resolve_app("decks", settings.Settings())
    assert found.value.hint == f"type the folder instead: '{tmp_path}/new decks'"
    (tmp_path / "new decks").rmdir()
    with pytest.raises(errors.UsageFault, match=r"there is no app 'decks'$"):
        settings.resolve_app("decks", settings.Settings())


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"decks": 1}', "[" * 100_000])
def test_what_is_damaged_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/pushed-from.json").write_text(text)
    assert pushed_from.folder("decks") is None
    pushed_from.remember("decks", tmp_path)
    assert pushed_from.folder("decks") == tmp_path


def test_it_does_not_grow_and_needs_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed_from, "KEEP", 3)
    for number in range(5):
        pushed_from.remember(f"app{number}", tmp_path)
    assert [bool(pushed_from.folder(f"app{number}")) for number in range(5)] == [False, False, True, True, True]
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "file/state"))
    pushed_from.remember("decks", tmp_path)
    assert pushed_from.folder("decks") is None


def test_two_at_once_are_both_remembered(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: pushed_from.remember(f"app{number}", tmp_path), range(40)))
    assert all(pushed_from.folder(f"app{number}") == tmp_path for number in range(40))
