"""A board's history, brought to this laptop: into a repository that is here, or as a new one.

The board keeps what was released, and git keeps neither kernel nor ramdisk as they were built. Both can be had back from the
release: then the next one can be made here, too.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from edgedeploy.core import cpio, errors
from edgedeploy.core.names import CommitId
from edgedeploy.core.release import Manifest
from edgedeploy.depot import artefacts, slides
from edgedeploy.depot.git import Git
from edgedeploy.depot.repo import BRANCH, Depot

MOST_KNOWN = 300
_PLAIN = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")
_DECORATION = ",".join(
    f"{name}=ignore"
    for name in (
        "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
        "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "multipleAuthors", "zeroPaddedDate", "zeroPaddedFilemode",
    )
)  # fmt: skip
"""as a board has it (agent/bundles.py): histories that other programs wrote, and that do no harm"""


def known(git: Git) -> list[str]:
    """Commits that need not be sent, the newest first; MOST_KNOWN at most."""
    return (git.ask("rev-list", f"--max-count={MOST_KNOWN}", "--branches", "--remotes", "HEAD") or "").split()


def ref_of(board: str) -> str:
    """Where a board's history goes: as `git fetch` does with a remote of that name."""
    return f"refs/remotes/{board}/{BRANCH}"


def into(git: Git, board: str, commit: CommitId, bundle: Path | None) -> str:
    """Take a bundle in and point the board's ref at `commit`; returns the ref as a person types it.

    Raises errors.BadRepository where git refuses what was sent.
    """
    if bundle:
        # not by `git fetch`, which checks the objects of a bundle from git 2.46 on only
        pack = bundle.read_bytes().partition(b"\n\n")[2]
        git.raw(*_PLAIN, "index-pack", "--stdin", "--fix-thin", f"--strict={_DECORATION}", data=pack)
        git.run("rev-list", "--objects", "--quiet", commit, "--not", "--all")
    git.run("update-ref", ref_of(board), commit)
    return ref_of(board).removeprefix("refs/remotes/")


def clone(folder: Path, board: str, commit: CommitId, bundle: Path) -> Depot:
    """A new repository with the board's history as its branch; all of it, or nothing is left of it.

    Raises errors.UsageFault for a folder in use, errors.BadRepository where git refuses what was sent.
    """
    free(folder)
    part = folder.with_name(f".{folder.name}.part")
    with ExitStack() as undo:
        shutil.rmtree(part, ignore_errors=True)
        undo.callback(shutil.rmtree, part, ignore_errors=True)
        part.mkdir(parents=True)
        git = Git(part)
        git.run("init", "--quiet", f"--initial-branch={BRANCH}")
        into(git, board, commit, bundle)
        git.run(*_PLAIN, "reset", "--quiet", "--hard", commit)
        Depot.open(part)  # what is no deployment repository is told before it has the name
        if folder.is_dir():
            folder.rmdir()
        os.rename(part, folder)
        undo.pop_all()
    return Depot.open(folder)


def free(folder: Path) -> None:
    """Raises errors.UsageFault for what a new repository would be laid over."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or (folder.is_dir() and any(folder.iterdir())):
        raise errors.UsageFault(f"{folder} is there already, and is not empty", hint="name another folder: edgedeploy fetch APP FOLDER")


def restore(depot: Depot) -> list[Path]:
    """Write kernel and ramdisk of the latest release where [build] has them and they are not there; returns their places."""
    latest = depot.latest()
    if latest is None or not depot.has_config or not depot.has_manifest(latest):
        return []
    manifest, build = depot.manifest(latest), depot.config.build
    made = []
    if build.kernel and _write(depot.root / build.kernel, _raw(depot, manifest, "kernel")):
        made.append(depot.root / build.kernel)
    if build.ramdisk and manifest.ramdisk:
        raw = _raw(depot, manifest, "ramdisk")
        if _write(depot.root / build.ramdisk, _without_slides(raw) if build.slides else raw):
            made.append(depot.root / build.ramdisk)
    return made


def _raw(depot: Depot, manifest: Manifest, role: str) -> bytes:
    artefact = next(one for one in manifest.artefacts if one.role == role)
    return artefacts.unpacked(depot.artefact_bytes(manifest.release, artefact), role)


def _without_slides(ramdisk: bytes) -> bytes | None:
    """The ramdisk that the slides were laid over; None where they cannot be told from it."""
    found = cpio.last_archive(ramdisk)
    if found is None:
        return None
    start, names = found
    only_slides = all(name == slides.PREFIX or name.startswith(f"{slides.PREFIX}/") for name in names)
    return ramdisk[:start] if start and only_slides else None


def _write(path: Path, data: bytes | None) -> bool:
    if data is None or path.exists() or path.is_symlink():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True
