"""The files that make a virtual board, copied from one folder to another: disk, kernel, identity, and memory of a snapshot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgedeploy.lab import board, identity, qemu, tools

BOOT = ("xen", "vmlinuz", "initrd.cpio")
IMAGE = "image"
MEMORY = "memory"
"""of a snapshot: what QEMU's migration wrote, to be read by a machine of the same kind"""
_CPUS = "cpus"
_KEYS = (identity.USER_KEY, f"{identity.USER_KEY}.pub", identity.HOST_KEY, f"{identity.HOST_KEY}.pub", "machine-id")


def take(source: Path, target: Path) -> None:
    """Everything that makes a board, disk last: a folder with a disk is complete."""
    for name in (*BOOT, *_KEYS, IMAGE):
        (target / name).unlink(missing_ok=True)
        if name in BOOT:
            link(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)
    set_cpus(target, cpus(source))
    copy(source / board.DISK, target / f"{board.DISK}.new")
    (target / f"{board.DISK}.new").rename(target / board.DISK)


def cpus(folder: Path) -> int:
    """How many cores a board has: a snapshot goes on with as many as it was made with."""
    path = folder / _CPUS
    return int(path.read_text()) if path.exists() else qemu.Hardware().cpus


def set_cpus(folder: Path, number: int) -> None:
    """From its next start on."""
    (folder / _CPUS).write_text(str(number))


def copy(source: Path, target: Path) -> None:
    """Copy a disk, its holes as holes."""
    argv = ["cp", "--sparse=always", "--reflink=auto", "--", str(source), str(target)]
    tools.run(argv, what=f"copy {source.name} to {target.parent}")
    target.chmod(0o600)


def link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system cannot."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another filesystem, or one without links
        shutil.copyfile(source, target)
