"""Keep a running virtual board as it is this very moment, and go on from there again in seconds.

A snapshot is a folder: what `machine.keep` copies (disk, kernel, identity) and the machine's memory, written by QEMU's own
migration while it stands still. Restoring is a new QEMU that reads that memory instead of booting; its forwarded ports may
be others, they are no part of the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.lab import board, machine, process, qmp, shelf
from edgedeploy.lab.board import Machine
from edgedeploy.ports.report import Report

USUAL = "snapshot"
"""The folder of the one snapshot that `edgedeploy lab snapshot` keeps, in the board's own."""


def save(name: str, target: Path | None = None) -> Path:
    """Keep the board `name`, which goes on running; returns the folder, by default the board's own snapshot.

    Whatever was kept there is replaced once the new one is complete. Raises NoSuchBoard; UsageFault when the board is
    off or on a tap (its network would be missing on the way back); BoardFault when QEMU refuses or the disk is full.
    """
    there = board.load(name)
    folder = target or there.folder / USUAL
    if process.running(there.folder) is None:
        raise errors.UsageFault(f"{name} is off: there is no memory to keep", hint=f"edgedeploy lab up {name}")
    if there.network != "user":
        raise errors.UsageFault(
            f"{name} is on the tap {there.network}; only boards on QEMU's own network can be kept",
            hint=f"edgedeploy lab down {name} --graceful, and copy {there.folder}",
        )
    unfinished = folder.with_name(f"{folder.name}.new")
    with files.locked(there.folder.parent / f".{name}.lock", "edgedeploy lab snapshot"):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        try:
            with qmp.stopped(there.folder, unfinished / shelf.MEMORY):
                shelf.take(there.folder, unfinished)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return folder


def restore(name: str, source: Path | None = None, *, report: Report, timeout: float = machine.BOOT_SECONDS) -> Machine:
    """Go back to what `save` kept in `source`; what the board did since is gone. Its keys and ports stay as they are.

    Raises NoSuchBoard, UsageFault where there is no snapshot, BoardFault when QEMU cannot read it.
    """
    folder = source or board.folder_of(name) / USUAL
    if not (folder / shelf.MEMORY).is_file():
        if source is None:
            board.load(name)  # of a board that was never made one says that
        raise errors.UsageFault(f"{name} has no snapshot", hint=f"edgedeploy lab snapshot {name}")
    restored = machine.up(name, report=report, base=folder, timeout=timeout)
    _set_clock(restored)
    return restored


def _set_clock(restored: Machine) -> None:
    """The clock stood still while it was kept."""
    try:
        done = restored.run(f"date -s @{time.time():.0f}", timeout=60)
        said = done.stderr.decode(errors="replace").strip() if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = "no answer within 60 s"
    if said:
        raise errors.BoardFault(
            f"the clock of {restored.name} cannot be set: {said}", hint=f"edgedeploy lab ssh {restored.name} -- date"
        )


def size(folder: Path) -> int:
    """Bytes that a snapshot takes on this computer's disk."""
    return sum(
        path.stat().st_blocks * 512 for path in (folder / shelf.MEMORY, folder / board.DISK) if os.path.exists(path)
    )
