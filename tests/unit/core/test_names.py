"""The gate for names, and files that survive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import deadline, errors, files, names

KINDS = [cls for cls in names.Name.__subclasses__() if cls is not names.CommandLine and cls is not names.UrlPath]


@given(st.text(max_size=40), st.sampled_from(KINDS))
def test_whatever_passes_is_safe_as_a_file_an_argument_and_on_a_terminal(text: str, kind: type[names.Name]) -> None:
    try:
        name = kind.parse(text)
    except errors.UsageFault:
        return
    assert not name.startswith("-")
    assert not set(name) & set("/\\\0\n\r\x1b'\" ;$`")
    assert name not in (".", "..")


@given(st.text())
def test_printable_leaves_nothing_a_terminal_would_obey(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in names.printable(text))


def test_a_refused_name_is_shown_with_the_rule() -> None:
    with pytest.raises(errors.UsageFault, match="is not a valid app name") as caught:
        names.AppName.parse("Decks \x1b[2J")
    assert "lower-case" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_a_board_id_comes_from_the_machine_id_and_does_not_tell_it() -> None:
    machine = "0123456789abcdef0123456789abcdef"
    assert names.BoardId.parse(names.board_id_of(machine + "\n")) == names.board_id_of(machine)
    assert names.board_id_of(machine) not in machine


def test_an_interrupted_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    files.atomic_write(path, b"old")

    def fail(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        files.atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_says_who_holds_it_and_dies_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = f"""
from edgedeploy.core import files
from pathlib import Path
from types import SimpleNamespace
with files.locked(Path({str(lock)!r}), "cron"):
    print(1, flush=True)
    input()
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdin
    holder.stdout.readline()
    with pytest.raises(files.Busy, match="cron"), files.locked(lock, "me", wait=False):
        pass
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with files.locked(lock, "me", wait=False):
        assert "me" in lock.read_text()


def test_a_deadline_never_goes_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    assert deadline.Deadline.after(-5).remaining == 0
    assert deadline.Deadline.after(60).remaining == 60


@pytest.mark.parametrize("said", ["", "uninitialized\n", "0" * 32, "\0" * 33, "\ufffd" * 32, "abc", "A" * 32])
def test_what_is_no_machine_id_is_nobodys(said: str) -> None:
    assert names.own_board_id(said) is None
    assert names.own_board_id("1" * 32 + "\n") == names.board_id_of("1" * 32)
