"""paramiko's transport, with the algorithms that the user's ssh configuration allows, in the form that OpenSSH names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paramiko
from cryptography.hazmat.primitives import hashes

from edgedeploy.core import errors
from edgedeploy.wires.certificate import SUFFIX
from edgedeploy.wires.ssh.asked import Settings

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_OLD_RSA = "ssh-rsa"


class OldRsa(paramiko.RSAKey):
    """An RSA key that may sign with SHA-1: for servers that know no better, and only where the user allows it."""

    HASHES = {**paramiko.RSAKey.HASHES, _OLD_RSA: hashes.SHA1}  # type: ignore[misc]  # noqa: RUF012 - the stubs call it final


class Transport(paramiko.Transport):
    """As paramiko.Transport, after `choose`."""

    _wanted_keys: tuple[str, ...] = ()
    # paramiko's, which its stubs do not have
    _kex_info: dict[str, Any]
    _key_info: dict[str, Any]
    _preferred_kex: tuple[str, ...]
    _preferred_keys: tuple[str, ...]

    def choose(self, settings: Settings, kinds: Sequence[str], *, certificates: bool) -> None:
        """Offer what both the configuration and paramiko have; host keys of `kinds` first, or a known board would look
        like a stranger, and certificates before all where an authority is known. BadConfig when nothing is left.
        """
        # RFC 8731's name for what is older under OpenSSH's own
        if "curve25519-sha256@libssh.org" in self._kex_info:
            self._kex_info = {**self._kex_info, "curve25519-sha256": self._kex_info["curve25519-sha256@libssh.org"]}
            self._preferred_kex = ("curve25519-sha256", *self._preferred_kex)
        for option, name in (("ciphers", "ciphers"), ("macs", "macs"), ("kexalgorithms", "kex")):
            allowed = settings.names(option)
            ours: tuple[str, ...] = getattr(self, f"_preferred_{name}")
            setattr(self, f"_preferred_{name}", _both(option, ours, allowed))
        allowed = settings.names("hostkeyalgorithms")
        if allowed and _OLD_RSA in allowed:
            self._key_info = {**self._key_info, _OLD_RSA: OldRsa}
            self._preferred_keys = (*self._preferred_keys, _OLD_RSA)
        plain = _both("hostkeyalgorithms", self._preferred_keys, allowed)
        first = {name for kind in kinds for name in ((*_RSA, _OLD_RSA) if kind == _OLD_RSA else (kind,))}
        plain = tuple(sorted(plain, key=lambda name: name not in first))
        proofs = [name + SUFFIX for name in plain if certificates and name != _OLD_RSA]
        self._wanted_keys = (*(name for name in proofs if allowed is None or name in allowed), *plain)
        if settings.yes("compression", default=False):
            self.use_compression(True)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """What is offered; paramiko's own would add a certificate of each kind."""
        return self._wanted_keys


def _both(option: str, ours: Sequence[str], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """Ours that are allowed, in our order; in the user's for host keys."""
    if allowed is None:
        return tuple(ours)
    both = [name for name in ours if name in allowed]
    if option == "hostkeyalgorithms":
        both.sort(key=list(allowed).index)
    if not both:
        raise errors.BadConfig(
            f"your ssh configuration allows nothing of {option} that edgedeploy knows",
            hint=f"add one of these to {option}: {', '.join(ours)}",
        )
    return tuple(both)
