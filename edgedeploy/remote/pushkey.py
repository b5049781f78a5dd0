"""The push key: one key pair per laptop, of no use but to run `edgedeploy-agent serve` on an enrolled board."""

from __future__ import annotations

from pathlib import Path

from edgedeploy.core import files

FILE = "push_ed25519"


def private_key(folder: Path) -> Path:
    """Where the private key is, whether or not it exists yet."""
    return folder / FILE


def ensure(folder: Path, *, save: bool = True) -> str:
    """Make the key pair if there is none; returns the public half, "ssh-ed25519 AAAA…". Without `save` nothing is kept."""
    path = private_key(folder)
    public = path.with_suffix(".pub")
    if not save and not public.is_file():
        return made()[1]
    with files.locked(folder / f"{FILE}.lock", "edgedeploy"):
        if not path.is_file():
            pem, line = made()
            files.atomic_write(public, f"{line}\n".encode(), 0o644)
            files.atomic_write(path, pem, 0o600)
    return " ".join(public.read_text(errors="replace").split()[:2])


def made() -> tuple[bytes, str]:
    """A new pair: the private half as OpenSSH writes it, and the public half's line."""
    # once in a laptop's life: every other command only says where the key is
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return pem, line.decode()
