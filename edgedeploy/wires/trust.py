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
from collections.abc import Iterator, Sequence
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
    def rsa_bits(self) -> int:
        """How long the modulus of an RSA key is."""
        exponent = 11 + int.from_bytes(self.blob[11:15], "big") + 4
        return int.from_bytes(self.blob[exponent + 4 :], "big").bit_length()

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
            return _hashed_match(self.names, name.lower())
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
    yield from known_hosts_lines(text)


def known_hosts_lines(text: str) -> Iterator[KnownHost]:
    """The lines of a known_hosts file that can be understood."""
    for line in text.split("\n"):
        fields = line.split()
        marker = fields.pop(0) if line.startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        names, kind, key = fields[:3]
        try:
            yield KnownHost(names, HostKey.parse(f"{kind} {key}"), marker)
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


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows beside its key."""

    certificate: bytes = b""
    """of the key, as the server sent it and unverified"""
    address: str = ""
    """where it answered, "" through a proxy"""


DIRECT = Shown()


class HostTrust(Protocol):
    """Decides whether the key that a server has proven to own may speak for the host that was asked for."""

    def known(self, name: str) -> Sequence[HostKey]:
        """Keys expected for `name`: the client asks the server for one of their kinds. May be empty."""

    def vouched(self, name: str) -> bool:
        """Whether a certificate for `name` may do: the client asks the server for one first."""

    def check(self, name: str, key: HostKey, shown: Shown = DIRECT) -> bool:
        """Return when `key` is good for `name` (`host`, `[host]:port` or the user's HostKeyAlias): whether so good that
        a password may be said to who has it.

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

    def vouched(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Keys alone count."""
        return False

    def check(self, name: str, key: HostKey, shown: Shown = DIRECT) -> bool:  # noqa: ARG002 - as above
        """Raises HostKeyChanged for any other key."""
        if key not in self.keys:
            raise changed(name, self.keys, key, "connect to the right board, or read its host key again")
        return True


@dataclass(frozen=True, slots=True)
class Pinned:
    """An enrolled board: only its pinned keys, whatever address it answers on."""

    alias: str
    pins: Pins
    hint: str = "if the board was reinstalled on purpose, enrol it again: edgedeploy enrol"

    def known(self, name: str) -> Sequence[HostKey]:  # noqa: ARG002 - the Protocol's shape
        """The board's pinned keys."""
        return self.pins.lookup(self.alias)

    def vouched(self, name: str) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Keys alone count."""
        return False

    def check(self, name: str, key: HostKey, shown: Shown = DIRECT) -> bool:  # noqa: ARG002 - as above
        """Raises HostKeyChanged for another key, Unreachable when the board was never pinned."""
        keys = self.pins.lookup(self.alias)
        if not keys:
            raise stranger(name, key, f"{self.alias} is not enrolled on this machine: edgedeploy enrol")
        if key not in keys:
            raise changed(name, keys, key, self.hint)
        return True


def changed(name: str, keys: Sequence[HostKey], key: HostKey, hint: str) -> errors.HostKeyChanged:
    """Another key was expected than the one that was found; none: this one is revoked."""
    expected = ", ".join(dict.fromkeys(k.fingerprint for k in keys)) or "any other key (this one is revoked)"
    return errors.HostKeyChanged(
        f"the host key of {printable(name, 80)} changed: expected {expected}, found {key.fingerprint}",
        hint=f"somebody else may be answering. {hint}",
        details=(f"expected  {expected}", f"found     {key.kind} {key.fingerprint}"),
    )


def stranger(name: str, key: HostKey, hint: str) -> errors.Unreachable:
    """Nobody vouches for this key."""
    return errors.Unreachable(
        f"the host key of {printable(name, 80)} is unknown: {key.kind} {key.fingerprint}",
        hint=hint,
        details=("on the board: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",),
    )
