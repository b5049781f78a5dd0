"""The manifests that were prepared on this board: what is known of a release when its commit is not asked.

One file a release, by its id. A release of the original scripts may become another one under the same id: its xl.conf.in is no
part of xen/<id>/, and is part of its UUID. Then the one from before is kept by its UUID, because it may be on air, and wanted.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.plan import Slot
from edgedeploy.core import errors, files, release
from edgedeploy.core.names import ReleaseId
from edgedeploy.core.release import Health, Manifest


def save(layout: AppLayout, manifest: Manifest) -> None:
    """Keep a manifest, and the one that bore its id before."""
    path = layout.manifest(manifest.release)
    with contextlib.suppress(OSError, errors.EdgeError):
        before = release.loads(path.read_bytes())
        if before.uuid != manifest.uuid:
            files.atomic_write(_by_uuid(layout, before.uuid), release.dumps(before))
    files.atomic_write(path, release.dumps(manifest))
    _by_uuid(layout, manifest.uuid).unlink(missing_ok=True)


def load(layout: AppLayout, slot: Slot) -> Manifest | None:
    """The manifest of a slot. None where it is gone, or cannot be read: a power cut may have emptied it."""
    for path in (layout.manifest(ReleaseId.parse(slot.release)), _by_uuid(layout, slot.uuid)):
        with contextlib.suppress(OSError, errors.EdgeError):
            manifest = release.loads(path.read_bytes())
            if slot.uuid == manifest.uuid:
                return manifest
    return None


def retold(layout: AppLayout, before: Health | None, now: Health | None) -> None:
    """This board was told anew where an app answers: what was recorded with the old answer is asked by the new one."""
    for path, manifest in every(layout).items():
        if before and manifest.health == before:
            files.atomic_write(path, release.dumps(replace(manifest, health=now)))


def every(layout: AppLayout) -> dict[Path, Manifest]:
    """All that can be read, by their files, the oldest first."""
    found = {}
    ages = files.sizes_and_ages((layout.folder / "releases").glob("*.json"))
    for path in sorted(ages, key=lambda one: ages[one].st_mtime):
        with contextlib.suppress(errors.EdgeError, OSError):
            found[path] = release.loads(path.read_bytes())
    return found


def _by_uuid(layout: AppLayout, uuid: str) -> Path:
    return layout.folder / "releases" / f"{uuid}.json"
