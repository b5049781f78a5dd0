"""Proves that a release's artefacts fit boards: the flow's view of artefact/, on what is or would be committed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self

from edgedeploy.artefact import fit, probe
from edgedeploy.core import errors, release
from edgedeploy.core.board import BoardFacts, Profile, host
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.release import Manifest
from edgedeploy.depot.release import Draft
from edgedeploy.depot.repo import Contents, Depot

_seen: dict[tuple[str, str, bool], probe.Artefact] = {}
"""by name, SHA-256, and whether it is a ramdisk: a push looks before it connects and again beside the board's own facts"""


@dataclass(frozen=True, slots=True)
class Release:
    """A release to look at, committed or only drafted. `read` gives the files that `contents` names."""

    contents: Contents
    read: Callable[[PurePosixPath], bytes]

    @classmethod
    def of(cls, depot: Depot, manifest: Manifest, draft: Draft | None = None) -> Self:
        """As it is committed, or as it would be."""
        if draft is None:
            return cls(depot.contents(manifest.release), depot.blob)
        files = {a.role: release.folder(manifest.release) / a.file for a in manifest.artefacts}
        findings = depot.leftover(manifest.kernel.file)
        return cls(Contents(manifest.domain, files, findings, manifest, manifest.address), draft.files.__getitem__)


def suited(manifest: Manifest, kinds: Collection[str], profiles: Sequence[Profile]) -> list[Profile]:
    """Those of these kinds of board; where none is known, those that start such releases."""
    meant = [profile for profile in (*profiles, host()) if profile.name in kinds]
    usual = [host()] if manifest.domain.runtime == release.UNIX else [profile for profile in profiles if profile.supported]
    return meant or usual


def some(looked: Release, profiles: Sequence[Profile]) -> list[str]:
    """Names of the profiles that a release fits. Raises DoesNotFit, for the first of them, when it fits none.

    What the guest is to be given and a release cannot carry (xl.conf.in) fits none.
    """
    fits: list[str] = []
    refused: list[errors.DoesNotFit] = []
    artefacts = inspect(looked.read, looked.contents)
    for profile in profiles:
        try:
            _require(artefacts, looked.contents, profile, None)
            fits.append(profile.name)
        except errors.DoesNotFit as error:
            refused.append(error)
    if refused and not fits:
        raise refused[0]
    return fits


def require(looked: Release, profile: Profile, live: BoardFacts, freed_mb: int) -> None:
    """Raise DoesNotFit unless artefacts and domain fit this very board.

    `freed_mb` is the memory of the guest that will be gone by then.
    """
    if live.free_memory_mb is not None:
        live = replace(live, free_memory_mb=live.free_memory_mb + freed_mb)
    _require(inspect(looked.read, looked.contents), looked.contents, profile, live)


def inspect(read: Callable[[PurePosixPath], bytes], contents: Contents) -> dict[str, probe.Artefact]:
    """What a release's files are, by role. Raises BadRepository for one that its manifest does not describe."""
    found = {}
    described = {a.role: a for a in contents.manifest.artefacts} if contents.manifest else {}
    with tempfile.TemporaryDirectory() as folder:
        for role, path in contents.files.items():
            data = read(path)
            digest = hashlib.sha256(data).hexdigest()
            if role in described and digest != described[role].packed_sha256:
                raise errors.BadRepository(
                    f"{path} is not the file its manifest describes (SHA-256 differs)",
                    hint="make a new release: edgedeploy release KERNEL",
                )
            key = path.name, digest, role == "ramdisk"
            if key not in _seen:
                copy = Path(folder) / path.name
                copy.write_bytes(data)
                _seen[key] = probe.inspect(copy, ramdisk=role == "ramdisk")
            found[role] = _seen[key]
    return found


def _require(
    artefacts: dict[str, probe.Artefact], contents: Contents, profile: Profile, live: BoardFacts | None
) -> None:
    kernel, domain = artefacts["kernel"], DomainNeeds.of(contents.domain, address=contents.address)
    misfits = fit.check(kernel, profile, live, ramdisk=artefacts.get("ramdisk"), domain=domain)
    misfits = (*misfits, *contents.findings.allowing(profile.passthrough).misfits)
    if misfits:
        raise fit.refuse(kernel, profile, misfits, domain.runtime)
