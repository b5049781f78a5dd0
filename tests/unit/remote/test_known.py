"""The boards this laptop knows."""

from __future__ import annotations

import json
import time
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
    known.seen(STAGE, ("192.168.1.8",), 22, {}, names.AppName("mail"), at=0)
    again = KnownBoards(tmp_path).get(STAGE.board_id)
    assert again == replace(STAGE, hosts=("192.168.1.8",), apps=("decks", "mail"))  # type: ignore[arg-type]  # names are text


def test_when_a_board_last_answered_is_kept_to_the_minute_and_told_in_words(tmp_path: Path) -> None:
    known = KnownBoards(tmp_path)
    known.remember(STAGE)
    assert STAGE.last_answered(0) == ""
    noon = time.mktime((2026, 11, 29, 12, 0, 0, 0, 0, -1))
    known.seen(STAGE, STAGE.hosts, 22, {}, at=noon + 7)
    before, (board,) = (tmp_path / FILE).stat().st_ino, known.all()
    known.seen(board, STAGE.hosts, 22, {}, at=noon + 58)
    assert (tmp_path / FILE).stat().st_ino == before, "within one minute there is nothing to write"
    assert board.last_answered(noon + 3600) == "today at 12:00"
    assert board.last_answered(noon + 86400) == "on 2026-11-29 at 12:00"


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


def test_the_cable_is_remembered_beside_the_network_and_survives_enrolling_again(tmp_path: Path) -> None:
    known = KnownBoards(tmp_path)
    known.remember(STAGE)
    known.cabled(STAGE, "/dev/serial/by-id/usb-x", 9650, names.AppName("mail"))
    (board,) = known.all()
    assert (board.serial, board.rate, board.hosts, board.apps) == (
        "/dev/serial/by-id/usb-x", 9650, STAGE.hosts, ("decks", "mail"),
    )  # fmt: skip
    before = (tmp_path / FILE).stat().st_ino
    known.cabled(board, board.serial, 9700)
    assert (tmp_path / FILE).stat().st_ino == before, "a rate that is nearly the same is no news"
    known.cabled(board, board.serial, 4000)
    known.remember(STAGE)
    (board,) = known.all()
    assert (board.serial, board.rate) == ("/dev/serial/by-id/usb-x", 4000)


def test_a_board_that_is_a_folder_is_there_as_long_as_that_is(tmp_path: Path) -> None:
    known, place = KnownBoards(tmp_path), tmp_path / "board"
    place.mkdir(mode=0o700)
    here = replace(STAGE, board_id=names.BoardId("e" * 16), name=names.BoardName("try"), hosts=("localhost",), folder=str(place))
    known.remember(STAGE)
    known.remember(here)
    assert known.get(here.board_id) == here
    known.forget(here.board_id)
    assert known.all() == [STAGE]
    known.remember(here)
    place.chmod(0o755)
    assert known.all() == [STAGE], "others may have had a hand in it"
    place.chmod(0o700)
    assert len(known.all()) == 2
    place.rmdir()
    assert known.all() == [STAGE]


def test_a_file_of_an_older_edgedeploy_is_read_and_kept_whole(tmp_path: Path) -> None:
    row = {
        "board_id": STAGE.board_id, "name": "stage", "profile": "cubieboard2", "user": "root",
        "hosts": ["192.168.1.7"], "port": 22, "apps": ["decks"], "forwards": {"a:80": "b:81"},
    }  # fmt: skip
    other = {**row, "board_id": "f" * 16, "name": "other", "hosts": ["192.168.1.9"]}
    (tmp_path / FILE).write_text(json.dumps({"boards": [row, other]}))
    known = KnownBoards(tmp_path)
    board = known.get(STAGE.board_id)
    assert board is not None
    assert (board.serial, board.rate) == ("", 0)
    known.cabled(board, "/dev/ttyUSB0", 9600)
    rows = json.loads((tmp_path / FILE).read_text())["boards"]
    new = {"serial": "", "rate": 0, "answered": 0}
    assert {row["name"]: {**row, **new} for row in rows} == {"stage": {**row, **new}, "other": {**other, **new}}
