"""Proves that a release's artefacts fit boards: the flow's view of artefact/, on what is committed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgedeploy.artefact import fit, probe
from edgedeploy.core import errors, release
from edgedeploy.core.board import BoardFacts, Profile
from edgedeploy.core.release import Manifest
from edgedeploy.depot.repo import Depot


def some(depot: Depot, manifest: Manifest, profiles: Sequence[Profile]) -> list[str]:
    """Names of the profiles that a release fits. Raises DoesNotFit, for the first of them, when it fits none."""
    fits: list[str] = []
    refused: list[errors.DoesNotFit] = []
    artefacts = _artefacts(depot, manifest)
    for profile in profiles:
        try:
            _require(artefacts, manifest, profile, None)
            fits.append(profile.name)
        except errors.DoesNotFit as error:
            refused.append(error)
    if refused and not fits:
        raise refused[0]
    return fits


def require(depot: Depot, manifest: Manifest, profile: Profile, live: BoardFacts, freed_mb: int) -> None:
    """Raise DoesNotFit unless the committed artefacts and domain fit this very board.

    `freed_mb` is the memory of the guest that will be gone by then.
    """
    if live.free_memory_mb is not None:
        live = replace(live, free_memory_mb=live.free_memory_mb + freed_mb)
    _require(_artefacts(depot, manifest), manifest, profile, live)


def _require(
    artefacts: Sequence[probe.Artefact], manifest: Manifest, profile: Profile, live: BoardFacts | None
) -> None:
    kernel, *rest = artefacts
    domain, ramdisk = manifest.domain, rest[0] if rest else None
    misfits = fit.check(kernel, profile, live, memory_mb=domain.memory_mb, vcpus=domain.vcpus, ramdisk=ramdisk)
    if misfits:
        raise fit.refuse(kernel, profile, misfits)


def _artefacts(depot: Depot, manifest: Manifest) -> list[probe.Artefact]:
    with tempfile.TemporaryDirectory() as folder:
        return [_inspect(depot, manifest, artefact, Path(folder)) for artefact in manifest.artefacts]


def _inspect(depot: Depot, manifest: Manifest, artefact: release.Artefact, folder: Path) -> probe.Artefact:
    path = folder / artefact.file
    path.write_bytes(depot.artefact_bytes(manifest.release, artefact))
    return probe.inspect(path)
