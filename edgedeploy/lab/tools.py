"""The programs of this computer that the lab runs, and what to install where one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgedeploy.core import errors

PACKAGES: Mapping[str, str] = {
    "apt-get": "apt",
    "cp": "coreutils",
    "debugfs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "fakeroot": "fakeroot",
    "mke2fs": "e2fsprogs",
    "qemu-system-arm": "qemu-system-arm",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tar": "tar",
    "xz": "xz-utils",
}
"""Program -> the Debian package it comes in."""

TO_BUILD = ("apt-get", "dpkg-deb", "fakeroot", "mke2fs", "tar", "xz")
TO_RUN = ("qemu-system-arm", "debugfs", "ssh", "ssh-keygen", "cp")


def environment() -> dict[str, str]:
    """Our environment with the sbin folders on the path (users of Debian do not have them) and plain messages."""
    folders = os.environ.get("PATH", os.defpath).split(":")
    folders += [extra for extra in ("/usr/sbin", "/sbin") if extra not in folders]
    return {**os.environ, "PATH": ":".join(folders), "LC_ALL": "C"}


def require(names: Sequence[str]) -> None:
    """Raise UsageFault, with the packages to install, unless every program is there."""
    path = environment()["PATH"]
    missing = [name for name in names if shutil.which(name, path=path) is None]
    if missing:
        packages = sorted({PACKAGES.get(name, name) for name in missing})
        raise errors.UsageFault(
            f"the lab needs {', '.join(missing)}, which this computer does not have",
            hint=f"sudo apt-get install --no-install-recommends {' '.join(packages)}",
        )


def run(
    argv: Sequence[str], *, what: str, log: Path | None = None, stdin: str | None = None, cwd: Path | None = None
) -> str:
    """Run a program to its end and return its stdout; raises BoardFault with its last lines when it fails.

    `what` completes "cannot ...". Output also goes to the end of `log`.
    """
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, errors="replace", env=environment(), check=False, cwd=cwd
    )
    if log is not None:
        with log.open("a") as file:
            file.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise failed(what, done.stderr + done.stdout, log)
    return done.stdout


def failed(what: str, output: str, log: Path | None = None) -> errors.BoardFault:
    """The error for a program that ended badly, with the end of what it said."""
    hint = f"the whole story is in {log}" if log else "run the command again with -v"
    return errors.BoardFault(f"cannot {what}", hint=hint, details=tuple(output.strip().splitlines()[-12:]))
