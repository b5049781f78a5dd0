"""The pair of keys that CI stores with: made and kept on a person's computer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.core.names import AppName
from edgedeploy.remote import pushkey
from edgedeploy.wires.ssh import keyfile
from edgedeploy.wires.trust import HostKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of keys that CI stores with. `replaced`: the fingerprint of the one before it."""

    public: str
    fingerprint: str
    private: str = field(repr=False)
    path: Path
    fresh: bool
    replaced: str | None = None


def pair(folder: Path, app: AppName, *, rotate: bool = False) -> Pair:
    """The app's pair, kept in `folder`; made when there is none, or anew."""
    path = folder / f"{app}.key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.locked(folder / f"{app}.lock", "edgedeploy ci key"):
            before = _public(path, broken=rotate) if path.exists() else None
            if before is None or rotate:
                pem, _ = pushkey.made()
                files.atomic_write(path, pem, 0o600, follow=False)
            half = _public(path)
            assert half is not None
            fresh = rotate or before is None
            replaced = before.fingerprint if before and rotate else None
            return Pair(f"{half.line} edgedeploy-ci-{app}", half.fingerprint, path.read_text(), path, fresh, replaced)
    except OSError as fault:
        raise errors.UsageFault(
            f"{fault.filename or folder}: {fault.strerror}", hint="keys are kept in the state folder; another one: EDGEDEPLOY_STATE_DIR"
        ) from None


def _public(path: Path, *, broken: bool = False) -> HostKey | None:
    """The public half, from the private one. UsageFault for what is no key; `broken`: then there is none."""
    try:
        return keyfile.half_of(keyfile.parse(path.read_bytes()))
    except (keyfile.Locked, keyfile.NoKey) as fault:
        if broken:
            return None
        raise errors.UsageFault(
            f"{path} is no private key any more: {fault or 'it has a passphrase'}",
            hint=f"make another: edgedeploy ci key {path.stem} --rotate",
        ) from None
