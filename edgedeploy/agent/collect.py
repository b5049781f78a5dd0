"""Removes what no state of an app can want any more: unpacked artefacts, domain configurations, manifests."""

from __future__ import annotations

from pathlib import Path

from edgedeploy.agent import records, state
from edgedeploy.agent.layout import AppLayout
from edgedeploy.core import files

_RELEASES = 3  # kept unpacked, for `rollback APP RELEASE`; what is good and what was before it always are


def collect(layout: AppLayout, older_than_s: float) -> list[str]:
    """Under the app's locks; returns what was removed. Younger files stay: another push may be staging them."""
    now = state.load(layout.state)
    keep: set[Path] = set()
    wanted = {slot.uuid for slot in (now.good, now.previous, now.candidate, now.failed) if slot}
    known = records.every(layout)
    if wanted - {manifest.uuid for manifest in known.values()}:
        return []  # whose files those are that belong to it, nobody can say
    recent = [*dict.fromkeys(manifest.release for manifest in reversed(known.values()))][:_RELEASES]
    for path, manifest in known.items():
        if manifest.uuid not in wanted and manifest.release not in recent:
            continue
        unpacked = [layout.artefacts / artefact.sha256 for artefact in manifest.artefacts]
        keep |= {path, layout.domain(manifest.uuid), *unpacked, *(p.with_name(f"{p.name}.json") for p in unpacked)}
    folders = (layout.artefacts, layout.folder / "domains", layout.folder / "releases")
    spare = files.sizes_and_ages(p for folder in folders for p in folder.glob("*") if p not in keep)
    doomed = files.aged(spare, older_than_s)
    for path in doomed:
        path.unlink(missing_ok=True)
    return [str(path) for path in doomed]
