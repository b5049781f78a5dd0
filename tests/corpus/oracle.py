"""Asks the real toolstack, Debian's libxenguest for ARM under qemu-user, about many files in one go."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import needs
from tests.corpus import packages

LOADER = Path(__file__).with_name("loader.py")


@dataclass(frozen=True)
class Machine:
    """A board's toolstack: Debian's architecture, qemu's program, and what its Xen says in xen_caps."""

    debian: str
    qemu: str
    caps: str


BOARDS = {
    "cubieboard2": Machine("armhf", "qemu-arm-static", "xen-3.0-armv7l "),
    "rpi4": Machine("arm64", "qemu-aarch64-static", "xen-3.0-aarch64 xen-3.0-armv7l "),
}


@dataclass(frozen=True)
class Question:
    file: Path
    memory_mb: int = 256
    ramdisk: Path | None = None


@dataclass(frozen=True)
class Answer:
    """`takes`: it would start the guest. `type`: its word for the architecture. `said`: why not."""

    takes: bool
    type: str
    said: str


def ask(board: str, questions: Sequence[Question]) -> list[Answer]:
    """What `xl create` would do with each file, up to the hypercalls."""
    machine = BOARDS[board]
    qemu = shutil.which(machine.qemu)
    if qemu is None:
        needs.require(f"{machine.qemu} (Debian: qemu-user-static)")
    packages.files()
    root = packages.toolstack(machine.debian)
    asked = [{"file": str(q.file), "memory_mb": q.memory_mb, "ramdisk": str(q.ramdisk or "")} for q in questions]
    done = subprocess.run(
        [qemu, "-L", root, root / "usr/bin/python3.11", "-IS", LOADER, machine.caps],
        input="".join(json.dumps(one) + "\n" for one in asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    answers = [Answer(**json.loads(line)) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert len(answers) == len(asked), f"the loader died of {asked[len(answers)]}\n{done.stderr}"
    return answers
