"""Proves that a release's artefacts fit boards: the flow's view of artefact/, on what is committed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgedeploy.artefact import fit, probe
from edgedeploy.core import release
from edgedeploy.core.board import BoardFacts, Profile
from edgedeploy.core.release import Manifest
from edgedeploy.depot.repo import Depot


def require(
    depot: Depot, manifest: Manifest, profiles: Sequence[Profile], live: BoardFacts | None = None, freed_mb: int = 0
) -> None:
    """Raise DoesNotFit unless the committed artefacts and domain fit every one of the profiles.

    `freed_mb` is the memory of the guest that will be gone by then.
    """
    if live and live.free_memory_mb is not None:
        live = replace(live, free_memory_mb=live.free_memory_mb + freed_mb)
    with tempfile.TemporaryDirectory() as folder:
        kernel, *rest = [_inspect(depot, manifest, artefact, Path(folder)) for artefact in manifest.artefacts]
    domain = manifest.domain
    for profile in profiles:
        ramdisk = rest[0] if rest else None
        misfits = fit.check(kernel, profile, live, memory_mb=domain.memory_mb, vcpus=domain.vcpus, ramdisk=ramdisk)
        if misfits:
            raise fit.refuse(kernel, profile, misfits)


def _inspect(depot: Depot, manifest: Manifest, artefact: release.Artefact, folder: Path) -> probe.Artefact:
    path = folder / artefact.file
    path.write_bytes(depot.artefact_bytes(manifest.release, artefact))
    return probe.inspect(path)
