"""No test meets what another one, or whoever runs them, keeps in edgedeploy's folders on the laptop."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.depot import pushed_from
from edgedeploy.ports import folders
from tests import run


@pytest.mark.parametrize("_turn", range(2))
def test_each_test_begins_with_nothing(_turn: int, tmp_path: Path) -> None:
    for place in (folders.state_dir(), folders.config_dir()):
        assert not place.exists()
        assert place.is_relative_to(tmp_path.parent / "laptops")
    pushed_from.remember("decks", tmp_path)
    assert pushed_from.folder("decks") == tmp_path


def test_a_file_in_the_shared_folders_fails_the_run_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state/edgedeploy").mkdir(parents=True)
    assert run.strays(tmp_path) == 0
    (tmp_path / "state/edgedeploy/pushed-from.json").touch()
    assert run.strays(tmp_path) == 1
    assert "user's own folders, where others find it: state/edgedeploy/pushed-from.json" in capsys.readouterr().out
