"""A virtual board on record: its folder, how to reach it, whether it is up."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedeploy.core import errors
from edgedeploy.lab import folders, identity, process, qemu, ssh

CONSOLE_USER = "root"
CONSOLE_PASSWORD = "edgedeploy"  # noqa: S105  the image's, for the emulated console; sshd takes keys only
RECORD = "machine.json"
DISK = "disk.raw"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual board: its folder, and how to reach it."""

    name: str
    folder: Path
    host: str
    """where its sshd answers: 127.0.0.1, or the board's own address on a tap"""
    port: int
    forwards: Mapping[str, str]
    """"10.0.2.20:80" -> "127.0.0.1:34567"; empty on a tap"""
    network: str
    """"user" or the tap's name"""
    image: str
    """the digest of the image its disk and kernel came from"""

    @property
    def key(self) -> Path:
        """The private key that root on the board accepts."""
        return self.folder / identity.USER_KEY

    @property
    def host_key(self) -> Path:
        """The board's public host key."""
        return self.folder / f"{identity.HOST_KEY}.pub"

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file that pins the host key."""
        return self.folder / ssh.KNOWN_HOSTS

    @property
    def serial(self) -> Path:
        """The unix socket of its serial console (see process.connect for long paths)."""
        return self.folder / "serial.sock"

    @property
    def disk(self) -> Path:
        """Its raw disk."""
        return self.folder / DISK

    def ssh_argv(self, command: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The ssh command line to this board."""
        return ssh.argv(self.folder, self.host, self.port, command, options=options)

    def run(self, command: str, *, timeout: float = 60.0, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a shell command as root on the board."""
        return ssh.run(self.folder, self.host, self.port, command, timeout=timeout, stdin=stdin)

    def url(self, guest: str = qemu.WEB[0]) -> str:
        """Where a guest's web server ("10.0.2.20:80") is seen from this computer."""
        return f"http://{self.forwards.get(guest, guest)}/"

    def as_dict(self) -> dict[str, Any]:
        """For machine.json and --json."""
        return {
            "name": self.name,
            "host": self.host,
            "port": self.port,
            "network": self.network,
            "forwards": dict(self.forwards),
            "image": self.image,
            "folder": str(self.folder),
            "key": str(self.key),
            "known_hosts": str(self.known_hosts),
            "serial": str(self.serial),
            "console": {"user": CONSOLE_USER, "password": CONSOLE_PASSWORD},
        }


@dataclass(frozen=True, slots=True)
class Status:
    """How a board is right now."""

    machine: Machine
    pid: int | None
    """of its QEMU; None when it is off"""
    answers: bool
    """whether its sshd greets"""


def status(name: str) -> Status:
    """How the board `name` is; raises NoSuchBoard for one never made."""
    machine = load(name)
    pid = process.running(machine.folder)
    return Status(machine, pid, pid is not None and ssh.greets(machine.host, machine.port))


def made() -> list[str]:
    """The names of all boards that were made and not deleted, readable or not."""
    try:
        return [path.parent.name for path in sorted(folders.machines().glob(f"*/{RECORD}"))]
    except PermissionError:
        return []  # the state folder is in somebody else's home


def list_machines() -> list[Machine]:
    """Every board that was made and not deleted, up or not."""
    return [load(name) for name in made()]


def load(name: str) -> Machine:
    """A board that was made before, up or not."""
    folder = folder_of(name)
    try:
        data = json.loads((folder / RECORD).read_text())
        return Machine(name, folder, data["host"], data["port"], data["forwards"], data["network"], data["image"])
    except FileNotFoundError:
        raise unknown(name) from None
    except (ValueError, KeyError, TypeError) as error:
        raise errors.UsageFault(
            f"{folder / RECORD} is damaged: {error!r}", hint=f"edgedeploy lab down {name} --delete"
        ) from error


def folder_of(name: str) -> Path:
    """The folder of the board `name`; raises UsageFault for a name no computer could have."""
    if not _NAME.fullmatch(name):
        raise errors.UsageFault(
            f"{name!r} is not a name for a lab board",
            hint="1-32 lower-case letters, digits and dashes, with a letter or digit at both ends",
        )
    return folders.machines() / name


def unknown(name: str) -> errors.NoSuchBoard:
    """The error for a board that was never made."""
    others = ", ".join(made())
    return errors.NoSuchBoard(
        f"there is no lab board {name!r}" + (f" (there is {others})" if others else ""),
        hint=f"edgedeploy lab up {name}",
    )
