"""What a command does where this computer has no home, no name for the user, no current folder, or folders that are shut."""

from __future__ import annotations

import errno
import getpass
import os
from pathlib import Path

import pytest

from edgedeploy.cli import failures
from edgedeploy.flows import adapters
from edgedeploy.ports import folders


def shut(monkeypatch, folder: Path) -> None:
    """From here on `folder` must not be searched: as root no mode of a folder does that."""

    def guarded(function):
        def call(path, *args, **named):
            if isinstance(path, str | Path) and Path(path).is_relative_to(folder) and Path(path) != folder:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(path, *args, **named)

        return call

    for module, name in ((os, "stat"), (os, "scandir"), (os, "mkdir"), (os, "open"), (__import__("io"), "open")):
        monkeypatch.setattr(module, name, guarded(getattr(module, name)))


COMMANDS = [("boards",), ("lab", "status"), ("status", "-t", "0.1"), ("check", "kernel", "--board", "virtual-armv7")]


@pytest.mark.parametrize("argv", COMMANDS)
@pytest.mark.parametrize("which", ["EDGEDEPLOY_CONFIG_DIR", "EDGEDEPLOY_STATE_DIR"])
def test_a_folder_that_must_not_be_searched_is_one_without_our_files(edgedeploy, tmp_path, monkeypatch, argv, which):
    (tmp_path / "kernel").write_bytes(b"no kernel")
    without = edgedeploy(*argv)
    monkeypatch.setenv(which, str(tmp_path / "private/ours"))
    shut(monkeypatch, tmp_path / "private")
    assert edgedeploy(*argv)[:2] == without[:2]


def test_a_folder_above_that_must_not_be_searched_holds_no_repository(edgedeploy, tmp_path, monkeypatch):
    (tmp_path / "private/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "private/here")
    shut(monkeypatch, tmp_path / "private")
    code, _, err = edgedeploy("push")
    assert (code, "there is no deployment repository here" in err) == (2, True)


def test_a_file_that_cannot_be_written_is_named(edgedeploy, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "private/ours"))
    shut(monkeypatch, tmp_path / "private")
    code, _, err = edgedeploy("lab", "up", "stage")
    assert code == 2
    assert f"{tmp_path}/private" in err
    assert "EDGEDEPLOY_" in err


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "df -h"), (errno.EROFS, "EDGEDEPLOY_"), (errno.EDQUOT, "make room"), (errno.EMFILE, "ulimit")],
)
def test_what_this_computer_lacks_is_no_bug_of_ours(number, hint):
    told = failures.describe(OSError(number, os.strerror(number), "/some/file"))
    assert told.message == f"/some/file: {os.strerror(number).lower()}"
    assert hint in told.hint
    assert failures.describe(OSError(number, os.strerror(number))).message.startswith("this computer: ")


def test_an_error_that_nobody_foresaw_stays_a_bug(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert "this is a bug" in failures.describe(FileNotFoundError(errno.ENOENT, "no such file", "x")).message


def test_a_current_folder_that_is_gone(edgedeploy, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert folders.here() is None
    assert folders.typed(tmp_path) == f" {tmp_path}"
    assert edgedeploy("boards")[0] == 0
    code, _, err = edgedeploy("push", "decks")
    assert (code, "the folder you stand in is not there any more" in err) == (2, True)
    monkeypatch.chdir(tmp_path)


def test_no_home_and_no_entry_in_the_passwd_database(edgedeploy, monkeypatch):
    for name in (
        "HOME",
        "LOGNAME",
        "USER",
        "LNAME",
        "USERNAME",
        "SUDO_USER",
        "EDGEDEPLOY_CONFIG_DIR",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: (_ for _ in ()).throw(KeyError(number)))
    with pytest.raises(KeyError):
        getpass.getuser()
    assert adapters.who_am_i().startswith(f"uid{os.getuid()}@")
    code, _, err = edgedeploy("boards")
    assert (code, "HOME is not set" in err, "EDGEDEPLOY_STATE_DIR" in err) == (2, True, True)
