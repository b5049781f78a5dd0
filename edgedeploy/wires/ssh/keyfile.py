"""Keys in files: the public half, which ssh offers, and the private one, which signs once the server has taken it.

Every form that OpenSSH reads: its own, PEM and PKCS 8; a .pub file or a certificate in place of either.
"""

from __future__ import annotations

import base64
import binascii
import warnings
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from edgedeploy.core.names import printable
from edgedeploy.wires.trust import HostKey

Private = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "ssh-rsa": hashes.SHA1, "rsa-sha2-256": hashes.SHA256, "rsa-sha2-512": hashes.SHA512,
    "ecdsa-sha2-nistp256": hashes.SHA256, "ecdsa-sha2-nistp384": hashes.SHA384, "ecdsa-sha2-nistp521": hashes.SHA512,
}  # fmt: skip


class Locked(Exception):
    """The file wants a passphrase, or another one."""


class NoKey(Exception):
    """The file is no private key that can be used, with the reason."""


def public_half(path: str) -> HostKey | None:
    """The key or certificate that a file speaks of: the file itself, NAME.pub, or what a private key says in the open."""
    return _line(Path(path)) or _line(Path(f"{path}.pub")) or _in_the_open(Path(path))


def _line(path: Path) -> HostKey | None:
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except (OSError, ValueError):
        return None
    for line in text.split("\n"):
        if line.startswith("-----BEGIN"):
            return None
        words = line.split()
        try:
            if len(words) > 1 and not line.startswith("#"):
                return HostKey.parse(f"{words[0]} {words[1]}")
        except ValueError:
            continue
    return None


def _in_the_open(path: Path) -> HostKey | None:
    try:
        lines = path.read_bytes().split()
        data = base64.b64decode(b"".join(lines[4:-4])) if path.read_bytes().startswith(_OPENSSH) else b""
        if not data.startswith(_MAGIC):
            return None
        rest = data[len(_MAGIC) :]
        for _ in range(3):  # cipher, kdf and its options
            rest = rest[4 + int.from_bytes(rest[:4], "big") :]
        blob = rest[8 : 8 + int.from_bytes(rest[4:8], "big")]
        return HostKey(blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace"), blob)
    except (OSError, ValueError, binascii.Error):
        return None


def load(path: str, passphrase: str | None = None) -> Private:
    """The private key in a file. Raises Locked or NoKey."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as fault:
        raise NoKey(getattr(fault, "strerror", None) or "cannot be read") from None
    return parse(data, passphrase)


def parse(data: bytes, passphrase: str | None = None) -> Private:
    """The private key that a file holds. Raises Locked or NoKey."""
    read = (
        serialization.load_ssh_private_key if data.lstrip().startswith(_OPENSSH) else serialization.load_pem_private_key
    )
    secret = passphrase.encode() if passphrase is not None else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old ciphers, which are the key's own affair
            key = read(data, secret)
    except TypeError:  # a passphrase is wanted and none was given
        raise Locked from None
    except (ValueError, UnsupportedAlgorithm) as fault:
        if passphrase is not None:
            raise Locked from None
        raise NoKey(printable(str(fault).partition("\n")[0], 100)) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise NoKey("its kind is not used any more")
    return key


def half_of(key: Private) -> HostKey:
    """The public half of a private key."""
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey.parse(key.public_key().public_bytes(*form).decode("latin-1"))


def sign(key: Private, data: bytes, algorithm: str) -> bytes:
    """A signature as SSH sends it (RFC 4253, 5656, 8332, 8709)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.sign(data)
    elif isinstance(key, rsa.RSAPrivateKey):
        raw = key.sign(data, padding.PKCS1v15(), _HASHES[algorithm]())
    else:
        raw = b"".join(map(_mpint, decode_dss_signature(key.sign(data, ec.ECDSA(_HASHES[algorithm]())))))
    return _string(algorithm.encode()) + _string(raw)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))
