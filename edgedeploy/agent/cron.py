"""Whether somebody on this board reads /etc/cron.d: without that there is no pull and no start at boot."""

from __future__ import annotations

import os
from pathlib import Path

from edgedeploy.core import files

_FOLDERS = ("usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin")
_DAEMONS = ("cron", "crond", "fcron")
_GENERATOR = "systemd-crontab-generator"
"""systemd-cron, which has no daemon"""
_YOUNG_S = 300.0


def problem(root: Path) -> str:
    """What keeps /etc/cron.d from being read, and what to do, in words; "" where nothing is known to."""
    lost = "so this board will not pull by itself, nor start its talk at boot"
    running, known = _running(root / "proc")
    installed = [path for folder in _FOLDERS for name in _DAEMONS if os.path.lexists(path := root / folder / name)]
    programs = [_program(path) for path in running or installed]
    if any((root / folder / "systemd/system-generators" / _GENERATOR).exists() for folder in ("usr/lib", "lib")):
        return ""
    if programs and all(name in ("busybox", "fcron") for name in programs):
        own = "busybox's" if "busybox" in programs else "fcron"
        return (
            f"cron here is {own}, which does not read /etc/cron.d, {lost}; "
            "to mend that: apt-get install cron, or apk add cronie, and have it started in the place of this one"
        )
    if known and not running and not _starting(root / "proc/uptime"):
        return (
            f"cron does not run, {lost}; "
            "to mend that: systemctl enable --now cron, or update-rc.d cron enable && service cron start"
        )
    return ""


def _running(proc: Path) -> tuple[list[Path], bool]:
    """The programs of the cron daemons that run, and whether that could be seen."""
    seen = False
    found = []
    for pid in filter(str.isdigit, files.listed(proc)):
        try:
            comm = (proc / pid / "comm").read_bytes().strip()
        except OSError:  # it has ended meanwhile
            continue
        seen = True
        if comm.decode("ascii", "replace") in _DAEMONS:
            found.append(proc / pid / "exe")
    return found, seen


def _starting(uptime: Path) -> bool:
    """Whether the board is so young that its cron may still come."""
    try:
        return float(uptime.read_bytes().split()[0]) < _YOUNG_S
    except (OSError, ValueError, IndexError):
        return False


def _program(path: Path) -> str:
    """The name of what is started there: an applet of busybox is a link to it."""
    name = os.path.basename(os.path.realpath(path))
    return "busybox" if name.startswith("busybox") else name
