"""What is in the folder is what is pushed: before a push, the latest release is compared with what it was made of.

Where `[build]` in edgedeploy.toml says what that is, a new release is made in the same run.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, files
from edgedeploy.core.names import CommitId
from edgedeploy.core.release import Manifest
from edgedeploy.depot import inputs
from edgedeploy.depot.release import Draft, Sources, commit_release
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import release as releasing
from edgedeploy.flows.init import tell_nameless
from edgedeploy.ports import folders
from edgedeploy.ports.report import Report

_NONE_YET = "there is none yet"


@dataclass(frozen=True, slots=True)
class UpToDate:
    """Which release is to be pushed, and the `commit` that has it ("" : none yet).

    `draft`: it is not committed, because this is a dry run. `why` it is a new one. `left`: files that have changed
    and are not in it, and what brings them there.
    """

    manifest: Manifest
    commit: CommitId
    draft: Draft | None = None
    why: str = ""
    left: tuple[str, ...] = ()
    why_left: str = ""


@dataclass(frozen=True, slots=True)
class Here:
    """A repository beside what a board serves: its latest release ("": none), and files that have changed since."""

    app: str
    release: str
    changed: tuple[str, ...]


def here(folder: Path) -> Here | None:
    """Look, and touch nothing; None where it cannot be known."""
    try:
        depot = Depot.open(folder)
        latest = depot.latest()
        if latest is None or not depot.has_config or not depot.has_manifest(latest):
            return Here(depot.app, latest or "", ())
        if depot.config.build.kernel is None:
            return Here(depot.app, latest, ())
        sources = releasing.sources_of(depot, releasing.Request(depot.root))
        return Here(depot.app, latest, _changed(depot, sources, depot.manifest(latest), blind=True))
    except errors.EdgeError:
        return None


def ensure(depot: Depot, report: Report, *, release: bool = True, dry_run: bool = False) -> UpToDate:
    """Make a release where the latest one is not what is in the folder any more; with `dry_run` only prove it.

    `release` False: make none, and say what is left. Raises errors.BadConfig for what is wrong in edgedeploy.toml,
    errors.UsageFault where it cannot be known which files are the right ones, and whatever making a release raises.
    """
    if not release or dry_run:
        return _ensured(depot, report, release=release, dry_run=dry_run)
    # whoever pushes at the same moment waits, and then finds that nothing has changed any more
    with ExitStack() as alone:
        with suppress(OSError):  # where nothing can be written, nothing can be released either: told if it must be
            alone.enter_context(files.locked(depot.lock, "edgedeploy push"))
        return _ensured(depot, report, release=release, dry_run=dry_run)


def _ensured(depot: Depot, report: Report, *, release: bool, dry_run: bool) -> UpToDate:
    latest = depot.latest()
    kernel = depot.config.build.kernel if depot.has_config else None
    if latest is None and (kernel is None or not release):
        slides = " --ramdisk RAMDISK --slides slides" if (depot.root / "slides").is_dir() else ""
        how = (
            _release(depot, f"KERNEL{slides}")
            if kernel is None
            else f"without --no-release: edgedeploy push{folders.typed(depot.root)}"
        )
        raise errors.BadRepository(f"{depot.root} has no release yet", hint=how)
    if latest and (kernel is None or (not release and not depot.has_manifest(latest))):
        # a release of the original scripts is what is committed, edgedeploy.toml beside it, too
        made = depot.has_manifest(latest)
        why = f"a release takes them in: {_release(depot, 'KERNEL')}" if made else "commit them, and push again"
        left = tuple(depot.since_release()) if depot.has_config else ()  # of the original layout, who knows
        return UpToDate(depot.manifest(latest), depot.head(), left=left, why_left=why)
    sources = releasing.sources_of(depot, releasing.Request(depot.root))
    if latest is None or not depot.has_manifest(latest):
        return _make(depot, report, _NONE_YET, dry_run=dry_run)
    manifest = depot.manifest(latest)
    changed = _changed(depot, sources, manifest, blind=not release)
    if not changed:
        return UpToDate(manifest, depot.head())
    if not release:
        again = f"without --no-release: edgedeploy push{folders.typed(depot.root)}"
        return UpToDate(manifest, depot.head(), left=changed, why_left=again)
    return _make(depot, report, f"{_some(changed)} changed", dry_run=dry_run)


def _changed(depot: Depot, sources: Sources, release: Manifest, *, blind: bool) -> tuple[str, ...]:
    """What differs from the release. With `blind`, a new one is not wanted, and which files are right does not matter."""
    missing = [path for path in (sources.kernel, sources.ramdisk) if path and not path.exists()]
    if missing:  # another laptop's clone: git does not keep them
        edited = inputs.edited(depot, sources, release)
        if edited and not blind:
            raise errors.UsageFault(
                f"{_some(edited)} changed, and no release can be made: there is no {missing[0]}",
                hint=f"put it there; or push {release.release} as it is: {_as_it_is(depot)}",
            )
        return edited
    changed = inputs.changed(depot, sources, release)
    old = [path for path in changed.built if path.stat().st_mtime < depot.released_at()]
    if old and not blind:
        raise errors.UsageFault(
            f"{old[0]} is not what {release.release} was made with, and is older than that release",
            hint=f"to take it all the same: {_release(depot)}; to push the release as it is: {_as_it_is(depot)}",
        )
    return changed.files


def _make(depot: Depot, report: Report, why: str, *, dry_run: bool) -> UpToDate:
    proven = releasing.prove(depot, releasing.Request(depot.root), report=report)
    if dry_run:
        return UpToDate(proven.draft.manifest, CommitId(""), proven.draft, why)
    added = commit_release(depot, proven.draft, report=report)
    report.note(f"first release: {added.release}" if why == _NONE_YET else f"{why}: release {added.release}")
    if added.nameless:
        tell_nameless(depot.git, report)
    return UpToDate(added.manifest, added.commit, why=why)


def _some(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _release(depot: Depot, kernel: str = "") -> str:
    where = folders.typed(depot.root)
    return " ".join(filter(None, ("edgedeploy release", kernel, where and f"--repo{where}")))


def _as_it_is(depot: Depot) -> str:
    return f"edgedeploy push{folders.typed(depot.root)} --no-release"
