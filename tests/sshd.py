"""A real OpenSSH server on the loopback, for as long as a test runs. As root or as an ordinary user."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest

from edgedeploy.wires.trust import HostKey
from tests.guard import USUAL_S, until


def keypair(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new private key at `path`, its public half beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


def public(path: Path) -> str:
    """The public half of a key made by keypair, as one line."""
    return Path(f"{path}.pub").read_text().strip()


def reserved(host: str = "127.0.0.1") -> socket.socket:
    """Bound to a port that nobody else is given, and nobody listens at; who names it, as sshd does, may listen there."""
    kept = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind((host, 0))
    return kept


class Sshd:
    """Started by `with`; `authorize` decides who gets in, `settings` are lines of sshd_config."""

    def __init__(self, folder: Path, *settings: str, address: str = "127.0.0.1", kind: str = "ed25519") -> None:
        self.folder = folder
        self.address = address
        self._reserved = reserved(address)
        self.port = int(self._reserved.getsockname()[1])
        self.user = getpass.getuser()
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self.host_key_file = keypair(folder / "host_key", kind)
        self._authorized = folder / "authorized_keys"
        self._authorized.touch(mode=0o600)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host_key(self) -> HostKey:
        return HostKey.parse(public(self.host_key_file))

    @property
    def known_hosts_line(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key.line}\n"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def authorize(self, key: Path, options: str = "") -> None:
        line = f"{options} {public(key)}".strip()
        self._authorized.write_text(self._authorized.read_text() + line + "\n")

    def new_host_key(self) -> None:
        """Answer with another key from now on."""
        self.stop()
        for path in (self.host_key_file, Path(f"{self.host_key_file}.pub")):
            path.unlink()
        keypair(self.host_key_file)
        self.start()

    def start(self) -> None:
        program = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
        if program is None:
            pytest.fail("these tests need a real sshd: apt-get install openssh-server", pytrace=False)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd drops its privileges
        config = self.folder / "sshd_config"
        lines = [
            f"Port {self.port}",
            f"ListenAddress {self.address}",
            f"HostKey {self.host_key_file}",
            f"AuthorizedKeysFile {self._authorized}",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "KbdInteractiveAuthentication no",
            "MaxSessions 20",
            "LogLevel VERBOSE",
        ]
        # the first value of a setting counts
        config.write_text("\n".join([*self._settings, "PasswordAuthentication no", *lines]) + "\n")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)
        self._await_banner()

    def _await_banner(self) -> None:
        until(self._greets, lambda: f"sshd greets:\n{self.log}")

    def _greets(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"sshd ended at once:\n{self.log}", pytrace=False)
        try:
            with socket.create_connection((self.address, self.port), timeout=USUAL_S) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False

    def sessions(self) -> list[int]:
        """Processes that serve connections just now: children of the listener, and theirs that are sshd too."""
        assert self._process is not None
        found, todo = [], [self._process.pid]
        while todo:
            for pid in _children(todo.pop()):
                if _name(pid).startswith("sshd"):
                    found.append(pid)
                    todo.append(pid)
        return found

    def signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):  # a session may end by itself meanwhile
                os.kill(pid, number)

    def stop(self) -> None:
        if self._process is not None:
            try:
                self.signal_sessions(signal.SIGKILL)
            finally:
                self._process.terminate()
                self._process.wait(10)
                self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._reserved.close()


def _children(pid: int) -> list[int]:
    return [int(word) for word in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").strip()


def _read(path: str) -> str:
    """A file of a process, "" when the process is gone."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
