"""Boards whose cron does not read /etc/cron.d, or is not there, are told so; others hear nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.agent import cron


def make(root: Path, *, installed: dict[str, str], running: dict[str, str] | None = None, generator: str = "") -> Path:
    """`installed` and `running`: name -> the program it is ("" : itself)."""
    for name, program in installed.items():
        path = root / "usr/sbin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if program:
            path.symlink_to(program)
        else:
            path.touch()
    for number, (comm, program) in enumerate((running or {}).items(), 100):
        folder = root / "proc" / str(number)
        folder.mkdir(parents=True)
        (folder / "comm").write_bytes(comm.encode("latin-1") + b"\n")
        (folder / "exe").symlink_to(program)
    (root / "proc/self").mkdir(parents=True) if running is not None else None
    if generator:
        (root / generator).parent.mkdir(parents=True)
        (root / generator).touch()
    return root


INIT = {"init": "/sbin/init", "caf\xe9": "/usr/bin/x"}
FINE = {
    "Debian's": ({"cron": ""}, {**INIT, "cron": "/usr/sbin/cron"}, ""),
    "cronie": ({"crond": ""}, {**INIT, "crond": "/usr/sbin/crond"}, ""),
    "Debian's beside busybox": ({"cron": "", "crond": "/bin/busybox"}, {**INIT, "cron": "/usr/sbin/cron"}, ""),
    "nobody can see what runs": ({"cron": ""}, None, ""),
    "nothing is known": ({}, None, ""),
    "systemd-cron": ({}, INIT, "usr/lib/systemd/system-generators/systemd-crontab-generator"),
}
TOLD = {
    "busybox's": ({"crond": "/bin/busybox"}, {**INIT, "crond": "/bin/busybox"}, "busybox's, which does not read"),
    "busybox's, not running yet": ({"crond": "../../bin/busybox.nosuid"}, None, "busybox's, which does not read"),
    "busybox's runs beside Debian's": ({"cron": "", "crond": "/bin/busybox"}, {"crond": "/bin/busybox"}, "busybox's"),
    "fcron": ({"fcron": ""}, {**INIT, "fcron": "/usr/sbin/fcron"}, "fcron, which does not read"),
    "off": ({"cron": ""}, INIT, "does not run"),
    "none": ({}, INIT, "does not run"),
}


@pytest.mark.parametrize(("installed", "running", "generator"), FINE.values(), ids=FINE)
def test_a_cron_that_reads_its_folder_is_no_word_worth(
    tmp_path: Path, installed: dict[str, str], running: dict[str, str] | None, generator: str
) -> None:
    assert cron.problem(make(tmp_path, installed=installed, running=running, generator=generator)) == ""


@pytest.mark.parametrize(("installed", "running", "words"), TOLD.values(), ids=TOLD)
def test_what_will_not_happen_is_told_with_what_to_do(
    tmp_path: Path, installed: dict[str, str], running: dict[str, str] | None, words: str
) -> None:
    said = cron.problem(make(tmp_path, installed=installed, running=running))
    assert words in said
    assert "start its talk at boot" in said
    assert "to mend that: " in said


def test_a_board_that_has_just_started_may_get_its_cron_yet(tmp_path: Path) -> None:
    make(tmp_path, installed={"cron": ""}, running=INIT)
    (tmp_path / "proc/uptime").write_text("21.07 30.11\n")
    assert cron.problem(tmp_path) == ""
    (tmp_path / "proc/uptime").write_text("9000.55 100.00\n")
    assert "does not run" in cron.problem(tmp_path)
