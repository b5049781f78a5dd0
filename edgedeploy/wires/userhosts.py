"""Whom the user's ssh trusts: known_hosts files, authorities and revocations, as ssh_config(5) and sshd(8) have them."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.ports import folders
from edgedeploy.wires.certificate import Certificate
from edgedeploy.wires.trust import (
    DIRECT,
    HostKey,
    KnownHost,
    Shown,
    changed,
    known_hosts_lines,
    read_known_hosts,
    stranger,
)

_WITH_PORT = re.compile(r"\[(.+)\]:\d+")


def _no_confirmation(host: str, fingerprint: str) -> bool:  # noqa: ARG001 - the shape of `confirm`
    return False


@dataclass(frozen=True, slots=True)
class HostRules:
    """What an ssh configuration says of host keys; the defaults are ssh's."""

    paths: tuple[Path, ...] = (
        Path("~/.ssh/known_hosts"),
        Path("~/.ssh/known_hosts2"),
        Path("/etc/ssh/ssh_known_hosts"),
        Path("/etc/ssh/ssh_known_hosts2"),
    )
    strict: str = "ask"
    """StrictHostKeyChecking: yes, ask, accept-new, off"""
    aliased: bool = False
    """whether the name to look for is a HostKeyAlias"""
    trust_localhost: bool = False
    """NoHostAuthenticationForLocalhost"""
    check_address: bool = False
    """CheckHostIP"""
    revoked: Path | None = None
    """RevokedHostKeys"""
    command: Callable[[str, HostKey | None], str] | None = None
    """KnownHostsCommand: more lines for a name, and for the key that was shown"""
    authorities: Collection[str] | None = None
    """CASignatureAlgorithms; None: any"""
    rsa_bits: int = 0
    """RequiredRSASize"""


@dataclass(frozen=True, slots=True)
class UserKnownHosts:
    """Trusts as the user's ssh does; `confirm(host, fingerprint)` decides on first contact.

    Nothing is written: a board that is confirmed here is pinned by enrolment.
    """

    confirm: Callable[[str, str], bool] = _no_confirmation
    rules: HostRules = field(default_factory=HostRules)
    warn: Callable[[str], None] = lambda _: None
    now: Callable[[], float] = time.time
    pinned: Collection[HostKey] = ()
    """what an earlier enrolment pinned for the board that is said to be there: nobody is asked again"""

    def known(self, name: str) -> Sequence[HostKey]:
        """The user's keys for `name`."""
        theirs = [entry.key for entry in self._entries(name) if not entry.marker] or self._without_port(name)
        return theirs or list(self.pinned)

    def vouched(self, name: str) -> bool:
        """Whether there is an authority for `name`."""
        names = (name, *self._plain(name))
        return any(entry.marker == "@cert-authority" for each in names for entry in self._entries(each))

    def check(self, name: str, key: HostKey, shown: Shown = DIRECT) -> bool:
        """Raises HostKeyChanged for a changed or revoked key, Unreachable for an unknown, unconfirmed one.

        False where ssh would not have a password typed: the key changed, and StrictHostKeyChecking is off.
        """
        if self.rules.trust_localhost and not self.rules.aliased and _loopback(shown.address):
            return True
        self._fit(name, key)
        certificate = _certificate(shown, key)
        entries = [*self._entries(name, key)]
        self._not_revoked(name, key, certificate, entries)
        if certificate is not None and self._vouched(name, certificate, entries, shown.address):
            return True
        keys = [entry.key for entry in entries if not entry.marker]
        if key in keys:
            return self._same_address(name, key, shown.address)
        if keys:
            return self._changed(name, keys, key)
        if key not in self._without_port(name):
            self._unknown(name, key)
        return True

    def _entries(self, name: str, key: HostKey | None = None) -> Iterator[KnownHost]:
        for path in self.rules.paths:
            yield from (entry for entry in read_known_hosts(folders.expand(str(path))) if entry.covers(name))
        if self.rules.command is not None:
            yield from (entry for entry in known_hosts_lines(self.rules.command(name, key)) if entry.covers(name))

    def _plain(self, name: str) -> tuple[str, ...]:
        """ssh takes a host's keys without a port for those of its other ports, where these are not known."""
        match = None if self.rules.aliased else _WITH_PORT.fullmatch(name)
        return (match[1],) if match else ()

    def _without_port(self, name: str) -> list[HostKey]:
        return [entry.key for each in self._plain(name) for entry in self._entries(each) if not entry.marker]

    def _fit(self, name: str, key: HostKey) -> None:
        if key.kind == "ssh-rsa" and key.rsa_bits < self.rules.rsa_bits:
            raise errors.Unreachable(
                f"the host key of {printable(name, 80)} has {key.rsa_bits} bits, and RequiredRSASize is {self.rules.rsa_bits}",
                hint="make a longer one on the board: ssh-keygen -A after removing the old one",
            )

    def _not_revoked(
        self, name: str, key: HostKey, certificate: Certificate | None, entries: Sequence[KnownHost]
    ) -> None:
        shown = {key, certificate.authority} if certificate else {key}
        plain = [entry for each in self._plain(name) for entry in self._entries(each)]
        if any(entry.marker == "@revoked" and entry.key in shown for entry in (*entries, *plain)):
            raise changed(name, (), key, "it is marked @revoked in your known_hosts")
        listed = self.rules.revoked
        if listed is not None:
            proofs = [key.line] + ([certificate.line] if certificate else [])
            if any(_revoked(listed, line) for line in proofs) or (
                certificate and _revoked(listed, certificate.authority.line)
            ):
                raise changed(name, (), key, f"RevokedHostKeys ({listed}) has it, or cannot be read")

    def _vouched(self, name: str, certificate: Certificate, entries: Sequence[KnownHost], address: str) -> bool:
        plain = self._plain(name)
        more = [*entries, *(entry for each in plain for entry in self._entries(each))]
        if not any(entry.marker == "@cert-authority" and entry.key == certificate.authority for entry in more):
            return False
        why = certificate.unfit((plain or (name,))[0], self.now(), self.rules.authorities)
        if why:
            self.warn(f"the certificate of {printable(name, 80)} does not help: {why}")
        return not why and self._same_address(name, certificate.key, address)

    def _same_address(self, name: str, key: HostKey, address: str) -> bool:
        if not self.rules.check_address or not address or self.rules.aliased:
            return True
        where = name.replace((self._plain(name) or (name,))[0], address, 1)
        others = [entry.key for entry in self._entries(where) if not entry.marker]
        if others and key not in others:
            return self._changed(where, others, key)
        return True

    def _changed(self, name: str, keys: Sequence[HostKey], key: HostKey) -> bool:
        if self.rules.strict != "off":
            raise changed(
                name, keys, key, f"if the board was reinstalled on purpose: ssh-keygen -R {printable(name, 80)!r}"
            )
        self.warn(f"the host key of {printable(name, 80)} changed, and StrictHostKeyChecking is off: it is taken")
        return False

    def _unknown(self, name: str, key: HostKey) -> None:
        if self.rules.strict != "yes" and key in self.pinned:
            return
        if self.rules.strict in ("accept-new", "off"):
            self.warn(
                f"the host key of {printable(name, 80)} is new, and StrictHostKeyChecking takes it: {key.fingerprint}"
            )
        elif self.rules.strict == "yes":
            raise stranger(name, key, "StrictHostKeyChecking is yes: put its key into your known_hosts first")
        elif not self.confirm(printable(name, 80), key.fingerprint):
            raise stranger(name, key, "compare the fingerprint with the board's own, then say yes in a terminal")


def _certificate(shown: Shown, key: HostKey) -> Certificate | None:
    try:
        found = Certificate.parse(shown.certificate) if shown.certificate else None
    except ValueError:
        return None  # ssh, too, then looks at the key alone
    return found if found is not None and found.key == key else None


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _revoked(listed: Path, line: str) -> bool:
    """Whether a list of revoked keys (of either kind) has this one; a list that cannot be read has every key, as in ssh."""
    try:
        data = listed.read_bytes()
    except OSError:
        return True
    if not data.startswith(b"SSHKRL"):
        return line.split()[1].encode() in data.split()
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as file:
        file.write(f"{line}\n")
        file.flush()
        try:
            return (
                subprocess.run(
                    ["ssh-keygen", "-Q", "-f", listed, file.name], capture_output=True, check=False
                ).returncode
                != 0
            )
        except OSError:
            return True
