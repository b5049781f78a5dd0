"""What `edgedeploy release` says: the release, what packing gave, and the next command."""

from __future__ import annotations

from collections.abc import Iterator

from edgedeploy.core.release import to_json
from edgedeploy.flows.release import Released
from edgedeploy.ports.folders import typed
from edgedeploy.ui.progress import size


def lines(result: Released) -> Iterator[str]:
    """For people."""
    added, manifest = result.added, result.manifest
    yield f"release  {added.release}{'  (unchanged: nothing was committed)' if added.unchanged else ''}"
    for artefact in manifest.artefacts:
        packing = f"{size(artefact.size)} -> {size(artefact.packed_size)} ({artefact.codec})"
        yield f"{artefact.role:<8} {size(artefact.size) if artefact.codec == 'none' else packing}"
    if result.fits:
        yield f"fits     {', '.join(result.fits)}"
    yield f"commit   {added.commit[:12]}"
    yield f"next     edgedeploy push{typed(result.path)}"


def as_json(result: Released) -> dict[str, object]:
    """For programs."""
    return {
        "release": result.added.release,
        "commit": result.added.commit,
        "unchanged": result.added.unchanged,
        "repository": str(result.path),
        "fits": list(result.fits),
        "manifest": to_json(result.manifest),
    }
