"""The boards this laptop knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgedeploy.core import errors, names
from edgedeploy.remote.known import FILE, KnownBoard, KnownBoards

STAGE = KnownBoard(
    names.BoardId("00112233aabbccdd"), names.BoardName("stage"), names.ProfileName("cubieboard2"), "root",
    ("192.168.1.7",), 22, (names.AppName("decks"),),
)  # fmt: skip


def test_what_is_remembered_is_read_again(tmp_path: Path) -> None:
    known = KnownBoards(tmp_path)
    assert known.all() == []
    known.remember(STAGE)
    known.seen(STAGE, ("192.168.1.8",), 22, {}, names.AppName("mail"))
    again = KnownBoards(tmp_path).get(STAGE.board_id)
    assert again == replace(STAGE, hosts=("192.168.1.8",), apps=("decks", "mail"))  # type: ignore[arg-type]  # names are text


def test_a_board_that_was_installed_afresh_takes_the_place_of_its_old_self(tmp_path: Path) -> None:
    known = KnownBoards(tmp_path)
    known.remember(STAGE)
    known.remember(replace(STAGE, board_id=names.BoardId("f" * 16), port=2222, apps=()))
    (board,) = known.all()
    assert (board.board_id, board.apps) == ("f" * 16, ("decks",))
    known.remember(replace(STAGE, name=names.BoardName("other")))
    assert len(known.all()) == 2


def test_a_damaged_file_is_named_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(errors.BadConfig, match=r"boards\.json is not JSON"):
        KnownBoards(tmp_path).remember(STAGE)
    assert (tmp_path / FILE).read_text() == "{"
