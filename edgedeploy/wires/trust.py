"""Who may answer as a board: host keys, our own store of pins, and the policies an SSH connection asks.

Knows nothing of paramiko: a key is its type and its bytes. Files are in OpenSSH's known_hosts format,
sshd(8). A board is pinned under `edgedeploy-<board id>`, so it stays the same board when DHCP gives it
another address.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from edgedeploy.core import errors, files
from edgedeploy.core.names import BoardId, printable


def alias_of(board: BoardId) -> str:
    """The name under which a board's key is pinned."""
    return f"edgedeploy-{board}"


@dataclass(frozen=True, slots=True)
class HostKey:
    """An SSH public key: "ssh-ed25519" and the key blob of RFC 4253, 6.6."""

    kind: str
    blob: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read `ssh-ed25519 AAAA… [comment]`, the content of a .pub file. Raises ValueError."""
        kind, _, rest = line.strip().partition(" ")
        try:
            blob = base64.b64decode(rest.split(" ")[0], validate=True)
        except binascii.Error as fault:
            raise ValueError(f"not an SSH public key: {printable(line, 60)!r}") from fault
        if blob[:4] != len(kind).to_bytes(4, "big") or blob[4 : 4 + len(kind)] != kind.encode():
            raise ValueError(f"not an SSH public key: {printable(line, 60)!r}")
        return cls(kind, blob)

    @property
    def line(self) -> str:
        """The key as one line of a .pub or known_hosts file."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """What ssh and ssh-keygen -l show: SHA256:…"""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of a known_hosts file."""

    names: str
    key: HostKey
    marker: str = ""
    """"@revoked", "@cert-authority" or nothing"""

    def covers(self, name: str) -> bool:
        """Whether the line speaks of `name`: a host, `[host]:port` or an alias."""
        if self.names.startswith("|1|"):
            return _hashed_match(self.names, name)
        patterns = self.names.lower().split(",")
        matching = [p for p in patterns if _glob(p.removeprefix("!"), name.lower())]
        return bool(matching) and not any(p.startswith("!") for p in matching)


def _glob(pattern: str, name: str) -> bool:
    # OpenSSH knows only * and ?; a [ stands for itself, as in [host]:port
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _hashed_match(names: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part) for part in names.split("|")[2:4])
    except ValueError:  # also binascii.Error, and too few parts
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def read_known_hosts(path: Path) -> Iterator[KnownHost]:
    """The lines of a known_hosts file that can be understood; nothing when there is no such file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for line in text.splitlines():
        fields = line.split(maxsplit=1)
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        names, _, key = " ".join(fields).partition(" ")
        try:
            yield KnownHost(names, HostKey.parse(key), marker)
        except ValueError:
            continue  # a line of a kind we do not know: ssh skips it too


class Pins:
    """Our own store: which keys each enrolled board has."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lookup(self, alias: str) -> list[HostKey]:
        """The keys pinned under `alias`, [] when it was never pinned."""
        return [entry.key for entry in read_known_hosts(self._path) if entry.names == alias]

    def pin(self, alias: str, *keys: HostKey) -> None:
        """From now on `alias` has exactly these keys; none at all forgets it. Atomic."""
        with files.locked(self._path.with_name(self._path.name + ".lock"), "edgedeploy"):
            kept = [(e.names, e.key) for e in read_known_hosts(self._path) if e.names != alias]
            lines = [f"{names} {key.line}\n" for names, key in [*kept, *((alias, key) for key in keys)]]
            files.atomic_write(self._path, "".join(lines).encode(), mode=0o600)


class HostTrust(Protocol):
    """Decides whether the key that a server has proven to own may speak for the host that was asked for."""

    def known(self, name: str) -> Sequence[HostKey]:
        """Keys expected for `name`: the client asks the server for one of their kinds. May be empty."""

    def check(self, name: str, key: HostKey) -> None:
        """Return when `key` is good for `name` (`host`, `[host]:port` or the user's HostKeyAlias).

        Raises HostKeyChanged when another key was expected, Unreachable when nobody vouches for this one.
        """


@dataclass(frozen=True, slots=True)
class Exact:
    """The server must have one of these keys (read over the serial console, or out of an image)."""

    keys: tuple[HostKey, ...]

    @classmethod
    def line(cls, text: str) -> Self:
        """From the content of a .pub file. Raises ValueError."""
        return cls((HostKey.parse(text),))

    def known(self, name: str) -> Sequence[HostKey]:  # noqa: ARG002 - the Protocol's shape
        """The keys, whatever the name."""
        return self.keys

    def check(self, name: str, key: HostKey) -> None:
        """Raises HostKeyChanged for any other key."""
        if key not in self.keys:
            raise _changed(name, self.keys, key, "connect to the right board, or read its host key again")


@dataclass(frozen=True, slots=True)
class Pinned:
    """An enrolled board: only its pinned keys, whatever address it answers on."""

    alias: str
    pins: Pins
    hint: str = "if the board was reinstalled on purpose, enrol it again: edgedeploy enrol"

    def known(self, name: str) -> Sequence[HostKey]:  # noqa: ARG002 - the Protocol's shape
        """The board's pinned keys."""
        return self.pins.lookup(self.alias)

    def check(self, name: str, key: HostKey) -> None:
        """Raises HostKeyChanged for another key, Unreachable when the board was never pinned."""
        keys = self.pins.lookup(self.alias)
        if not keys:
            raise _stranger(name, key, f"{self.alias} is not enrolled on this machine: edgedeploy enrol")
        if key not in keys:
            raise _changed(name, keys, key, self.hint)


def _no_confirmation(host: str, fingerprint: str) -> bool:  # noqa: ARG001 - the shape of `confirm`
    return False


DEFAULT_KNOWN_HOSTS = (
    Path("~/.ssh/known_hosts"),
    Path("~/.ssh/known_hosts2"),
    Path("/etc/ssh/ssh_known_hosts"),
)


@dataclass(frozen=True, slots=True)
class UserKnownHosts:
    """The user's own known_hosts, as ssh reads it; `confirm(host, fingerprint)` decides on first contact.

    Nothing is written: a board that is confirmed here is pinned by enrolment.
    """

    confirm: Callable[[str, str], bool] = _no_confirmation
    paths: tuple[Path, ...] = DEFAULT_KNOWN_HOSTS

    def _entries(self, name: str) -> Iterable[KnownHost]:
        for path in self.paths:
            yield from (entry for entry in read_known_hosts(path.expanduser()) if entry.covers(name))

    def known(self, name: str) -> Sequence[HostKey]:
        """The user's keys for `name`."""
        return [entry.key for entry in self._entries(name) if not entry.marker]

    def check(self, name: str, key: HostKey) -> None:
        """Raises HostKeyChanged for a changed or revoked key, Unreachable for an unknown, unconfirmed one."""
        revoked = [e.key for e in self._entries(name) if e.marker == "@revoked"]
        keys = self.known(name)
        if key in revoked or (keys and key not in keys):
            hint = f"if the board was reinstalled on purpose: ssh-keygen -R {printable(name, 80)!r}"
            raise _changed(name, keys, key, hint)
        if not keys and not self.confirm(printable(name, 80), key.fingerprint):
            raise _stranger(
                name, key, "compare the fingerprint with the board's own, then say yes in a terminal"
            )


def _changed(name: str, keys: Sequence[HostKey], key: HostKey, hint: str) -> errors.HostKeyChanged:
    expected = ", ".join(dict.fromkeys(k.fingerprint for k in keys)) or "any other key (this one is revoked)"
    return errors.HostKeyChanged(
        f"the host key of {printable(name, 80)} changed: expected {expected}, found {key.fingerprint}",
        hint=f"somebody else may be answering. {hint}",
        details=(f"expected  {expected}", f"found     {key.kind} {key.fingerprint}"),
    )


def _stranger(name: str, key: HostKey, hint: str) -> errors.Unreachable:
    return errors.Unreachable(
        f"the host key of {printable(name, 80)} is unknown: {key.kind} {key.fingerprint}",
        hint=hint,
        details=("on the board: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",),
    )
