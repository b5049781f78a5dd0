"""What is written through a link, and what replaces it."""

import errno
import os
import time
from pathlib import Path

import pytest

from edgedeploy.core import files


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "persist").mkdir()
    target, link, chain = tmp_path / "persist/keys", tmp_path / "keys", tmp_path / "more"
    target.write_text("old")
    link.symlink_to("persist/keys")
    chain.symlink_to(link)
    files.atomic_write(chain, b"new", 0o600)
    assert link.is_symlink()
    assert chain.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o600)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["keys", "keys", "more", "persist"]
    assert not files.write_if_changed(link, b"new", 0o600)


def test_a_link_to_what_is_not_there_yet_is_where_it_is_made(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("other/folder/file")
    files.atomic_write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "other/folder/file").read_bytes() == b"new"


def test_a_link_that_somebody_else_may_have_made_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    link = tmp_path / "latest"
    link.symlink_to("secret")
    files.atomic_write(link, b"new", follow=False)
    assert (link.is_symlink(), link.read_bytes(), (tmp_path / "secret").read_text()) == (False, b"new", "mine")


def test_a_file_may_be_given_to_somebody_else_who_never_sees_it_open_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int, int]] = []

    def fchown(fd: int, user: int, group: int) -> None:
        given.append((user, group, os.fstat(fd).st_mode & 0o777))

    monkeypatch.setattr(os, "fchown", fchown)
    files.atomic_write(tmp_path / "crontab", b"new", 0o640, owner=(1000, 107))
    assert given == [(1000, 107, 0o600)]
    assert (tmp_path / "crontab").stat().st_mode & 0o777 == 0o640


def test_links_in_a_circle_lead_nowhere_and_are_replaced(tmp_path: Path) -> None:
    link = tmp_path / "one"
    link.symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    files.atomic_write(link, b"new")
    assert link.read_bytes() == b"new"


def test_what_was_written_before_the_clock_was_set_is_not_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.0
    dates = {"before": 120.0, "2010": 1_262_304_000.0, "old": now - 700, "young": now - 500, "to come": now + 900}
    for name, date in dates.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (date, date))
    monkeypatch.setattr(time, "time", lambda: now)
    seen = files.sizes_and_ages(tmp_path.iterdir())
    assert [path.name for path in files.aged(seen, 600)] == ["old"]
    again = files.sizes_and_ages(tmp_path.iterdir())
    assert all(again[tmp_path / name].st_mtime > 1_577_836_800 for name in ("before", "2010")), "their time begins now"
    assert {path.name for path in files.aged(seen, 0)} == {*dates} - {"to come"}, "whoever says at once means it"


def test_while_the_clock_is_not_set_nothing_is_dated_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").touch()
    os.utime(tmp_path / "old", (100, 100))
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    assert files.aged(files.sizes_and_ages(tmp_path.iterdir()), 600) == [tmp_path / "old"]
    assert (tmp_path / "old").stat().st_mtime == 100


def test_a_disk_that_is_full_says_for_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.atomic_write(tmp_path / "boards.json", b"new")
    assert caught.value.filename == str(tmp_path / "boards.json")
    assert list(tmp_path.iterdir()) == []
