"""What makes one virtual board different from the next: its name, machine id, host key, and who may log in.

Nothing of this is in the image. It is written into the board's own disk with debugfs, which needs no root.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.lab import tools

USER_KEY = "id_ed25519"
HOST_KEY = "ssh_host_ed25519_key"


@dataclass(frozen=True, slots=True)
class Injection:
    """A file to be put into the disk."""

    source: Path
    target: str
    mode: int


def create(folder: Path, name: str) -> list[Injection]:
    """Make keys and names in `folder`; returns what belongs on the disk. Keys that are there are kept."""
    for key in (USER_KEY, HOST_KEY):
        if not (folder / key).exists():
            comment = f"edgedeploy-lab {name}"
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(folder / key)]
            tools.run(argv, what="make an SSH key")
    _write(folder / "hostname", f"{name}\n")
    _write(folder / "hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    _write(folder / "machine-id", f"{secrets.token_hex(16)}\n")
    return [
        Injection(folder / f"{USER_KEY}.pub", "/root/.ssh/authorized_keys", 0o600),
        Injection(folder / HOST_KEY, f"/etc/ssh/{HOST_KEY}", 0o600),
        Injection(folder / f"{HOST_KEY}.pub", f"/etc/ssh/{HOST_KEY}.pub", 0o644),
        Injection(folder / "hostname", "/etc/hostname", 0o644),
        Injection(folder / "hosts", "/etc/hosts", 0o644),
        Injection(folder / "machine-id", "/etc/machine-id", 0o444),
    ]


def known_hosts(folder: Path, hosts: Sequence[str]) -> str:
    """known_hosts lines that pin the board's host key under these names."""
    kind, key = (folder / f"{HOST_KEY}.pub").read_text().split()[:2]
    return "".join(f"{host} {kind} {key}\n" for host in hosts)


def script(injections: Sequence[Injection]) -> str:
    """debugfs commands that put the files in place, replacing what is there."""
    commands = []
    for item in injections:
        commands += [
            f"rm {item.target}",
            f'write "{item.source}" {item.target}',
            f"set_inode_field {item.target} mode 0{0o100000 | item.mode:o}",
            f"set_inode_field {item.target} uid 0",
            f"set_inode_field {item.target} gid 0",
        ]
    return "".join(f"{command}\n" for command in commands)


def inject(disk: Path, injections: Sequence[Injection]) -> None:
    """Write the files into a raw ext4 disk that nothing uses; raises BoardFault unless each of them arrived."""
    what = "write the board's identity into its disk"
    # debugfs always exits 0, so what it did is read back instead.
    tools.run(["debugfs", "-w", "-f", "/dev/stdin", str(disk)], what=what, stdin=script(injections))
    for item in injections:
        found = tools.run(["debugfs", "-R", f"cat {item.target}", str(disk)], what=what)
        if found != item.source.read_text():
            raise errors.BoardFault(f"cannot {what}: {item.target} did not arrive", hint="is the disk full?")


def _write(path: Path, text: str) -> None:
    path.write_text(text)
