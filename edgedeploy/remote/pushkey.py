"""The push key: one key pair per laptop, of no use but to run `edgedeploy-agent serve` on an enrolled board."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edgedeploy.core import files

FILE = "push_ed25519"


def private_key(folder: Path) -> Path:
    """Where the private key is, whether or not it exists yet."""
    return folder / FILE


def ensure(folder: Path) -> str:
    """Make the key pair if there is none; returns the public half, "ssh-ed25519 AAAA…"."""
    path = private_key(folder)
    public = path.with_suffix(".pub")
    with files.locked(folder / f"{FILE}.lock", "edgedeploy"):
        if not path.is_file():
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
            line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
            files.atomic_write(public, line + b"\n", 0o644)
            files.atomic_write(path, pem, 0o600)
    return " ".join(public.read_text().split()[:2])
