"""OpenSSH certificates (PROTOCOL.certkeys): a key, and what an authority says of it."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from edgedeploy.core.names import printable
from edgedeploy.wires.trust import HostKey

SUFFIX = "-cert-v01@openssh.com"
_FIELDS = {"ssh-ed25519": 1, "ssh-rsa": 2, "ecdsa-sha2": 2, "sk-ssh-ed25519": 2, "sk-ecdsa-sha2": 3, "ssh-dss": 4}
"""how many strings the public half of each kind has"""
_USER, _HOST = 1, 2


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate, not yet verified. Times are seconds since 1970; no principal means any."""

    blob: bytes
    key: HostKey
    """the key that it speaks of"""
    authority: HostKey
    for_hosts: bool
    principals: tuple[str, ...]
    after: int
    before: int
    critical: bool
    """whether it has options that must be understood"""
    signed_with: str

    @classmethod
    def parse(cls, blob: bytes) -> Self:
        """Raises ValueError for what is no certificate of a known kind."""
        reader = _Reader(blob)
        kind = reader.text()
        plain = _plain(kind)
        reader.string()  # a nonce
        public = [reader.string() for _ in range(_fields(plain))]
        reader.whole(8)
        role = reader.whole(4)
        reader.string()  # who it is for, in words
        principals, names = _Reader(reader.string()), []
        while principals.left:
            names.append(principals.text())
        after, before = reader.whole(8), reader.whole(8)
        critical = bool(reader.string())
        reader.string(), reader.string()
        authority, signature = reader.string(), _Reader(reader.string())
        if role not in (_USER, _HOST) or reader.left:
            raise ValueError("not a certificate for users or hosts")
        key = HostKey(plain, b"".join(map(_string, [plain.encode(), *public])))
        signer = HostKey(_Reader(authority).text(), authority)
        return cls(blob, key, signer, role == _HOST, tuple(names), after, before, critical, signature.text())

    @property
    def line(self) -> str:
        """As one line of a -cert.pub file."""
        data = base64.b64encode(self.blob).decode("latin-1")
        return f"{self.key.kind.removesuffix('@openssh.com')}{SUFFIX} {data}"

    def unfit(self, host: str, now: float, algorithms: Collection[str] | None) -> str:
        """Why it does not speak for this host now, as ssh has it; "" when it does, if the authority may.

        `algorithms`: CASignatureAlgorithms; None: any.
        """
        if not self.for_hosts:
            return "it is a user's certificate"
        if not self.after <= now < self.before:
            return "it is not valid now"
        # patterns are understood by some versions of ssh only: a name is a name
        if self.principals and host not in self.principals:
            return f"it is for {printable(', '.join(self.principals), 80)}"
        if self.critical:
            return "it has options that are not understood"
        if algorithms is not None and self.signed_with not in algorithms:
            return f"it is signed with {printable(self.signed_with, 40)}, which CASignatureAlgorithms has not"
        return "" if self._signed() else "its signature is wrong"

    def _signed(self) -> bool:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415 - certificates are rare
        from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity  # noqa: PLC0415

        try:
            read = load_ssh_public_identity(self.line.encode())
            if not isinstance(read, SSHCertificate):
                return False
            read.verify_cert_signature()
        except (ValueError, InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


def _plain(kind: str) -> str:
    if not kind.endswith(SUFFIX):
        raise ValueError(f"not a certificate: {printable(kind, 60)}")
    plain = kind.removesuffix(SUFFIX)
    return f"{plain}@openssh.com" if plain.startswith("sk-") else plain


def _fields(kind: str) -> int:
    for name, number in _FIELDS.items():
        if kind.startswith(name):
            return number
    raise ValueError(f"not a known kind of key: {printable(kind, 60)}")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.left = data

    def take(self, count: int) -> bytes:
        if len(self.left) < count:
            raise ValueError("it stops before its end")
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def whole(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        return self.take(self.whole(4))

    def text(self) -> str:
        return self.string().decode("ascii", "replace")
