"""What `edgedeploy store` says: what the deployment repository has now, and of which commit."""

from __future__ import annotations

from collections.abc import Iterator

from edgedeploy.core.release import to_json
from edgedeploy.flows.store import Stored
from edgedeploy.ui.progress import size


def lines(result: Stored) -> Iterator[str]:
    """For people who read CI's log."""
    added = result.added
    if added.unchanged and result.settings:
        yield f"{_stored(result)}  the settings; the release stays {added.release} of {added.manifest.app}"
    elif added.unchanged:
        yield f"nothing to store: {result.remote} has it already, as {added.release}"
        return
    else:
        yield f"{_stored(result)}  {added.release} of {added.manifest.app}"
    for artefact in added.manifest.artefacts:
        packing = f"{size(artefact.size)} -> {size(artefact.packed_size)} ({artefact.codec})"
        yield f"{artefact.role:<8}{size(artefact.size) if artefact.codec == 'none' else packing}"
    if result.fits:
        yield f"fits    {', '.join(result.fits)}"
    if result.source:
        yield f"source  {result.source.commit[:12]}{f' {result.source.subject}' if result.source.subject else ''}"
    commit = "" if result.dry_run else f", commit {added.commit[:12]}"
    yield f"in      {result.remote}, branch {result.branch}{commit}"
    if result.attempts > 1:
        yield f"        at the {result.attempts}. attempt: others stored meanwhile"


def _stored(result: Stored) -> str:
    return "would store" if result.dry_run else "stored"


def as_json(result: Stored) -> dict[str, object]:
    """For programs. `commit` is the deployment repository's, None in a dry run."""
    added = result.added
    return {
        "release": added.release,
        "commit": None if result.dry_run else added.commit,
        "unchanged": added.unchanged,
        "settings": result.settings,
        "dry_run": result.dry_run,
        "remote": result.remote,
        "branch": result.branch,
        "attempts": result.attempts,
        "source": {"commit": result.source.commit, "subject": result.source.subject} if result.source else None,
        "fits": list(result.fits),
        "manifest": to_json(added.manifest),
    }
