"""A board's history, brought to this laptop: into a repository that is here, or as a new one.

The board keeps what was released, and git keeps neither kernel nor ramdisk as they were built. Both can be had back from the
release: then the next one can be made here, too.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from edgedeploy.core import cpiolast, errors, files
from edgedeploy.core.names import CommitId
from edgedeploy.core.release import LATEST, Manifest
from edgedeploy.depot import artefacts, slides, usable
from edgedeploy.depot.git import Git
from edgedeploy.depot.repo import BRANCH, Depot

MOST_KNOWN = 300
_STRANGE = "edgedeploy.fromaboard"
"""set in a clone that came from a board: its links are nobody's here"""
_PLAIN = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")
_DECORATION = ",".join(
    f"{name}=ignore"
    for name in (
        "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
        "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "multipleAuthors", "zeroPaddedDate", "zeroPaddedFilemode",
    )
)  # fmt: skip
"""as a board has it (agent/bundles.py): histories that other programs wrote, and that do no harm"""


def known(depot: Depot, theirs: str) -> list[str]:
    """Commits that need not be sent, the board's own first, then the newest; MOST_KNOWN at most.

    A shallow clone has commits without what they stand on, and so can name none.
    """
    if depot.shallow:
        return []
    own = theirs if theirs and keeps(depot.git, theirs) else ""
    newest = (depot.git.ask("rev-list", f"--max-count={MOST_KNOWN - 1}", "--branches", "--remotes", "HEAD") or "").split()
    return [*([own] if own else []), *newest]


def keeps(git: Git, commit: str) -> bool:
    """Whether a ref leads to a commit: one that is merely lying about may lack what it stands on, and will not stay."""
    return bool(git.ask("for-each-ref", "--count=1", "--contains", commit))


def ref_of(board: str) -> str:
    """Where a board's history goes: beside those of git's own remotes, none of which may have that name."""
    return f"refs/remotes/edgedeploy/{board}"


def into(git: Git, board: str, commit: CommitId, bundle: Path | None) -> None:
    """Take a bundle in and point the board's ref at `commit`. Raises errors.BadRepository where git refuses what was sent."""
    if bundle:
        # not by `git fetch`, which checks the objects of a bundle from git 2.46 on only
        with bundle.open("rb") as file:
            while file.readline(65536) not in (b"\n", b""):
                pass  # its head; the pack comes next
            os.lseek(file.fileno(), file.tell(), os.SEEK_SET)  # where git reads on
            git.raw(*_PLAIN, "index-pack", "--stdin", "--fix-thin", f"--strict={_DECORATION}", file=file)
    git.run("rev-list", "--objects", "--quiet", commit, "--not", "--all")
    git.run("update-ref", ref_of(board), commit)


def led_out(depot: Depot, paths: Iterable[Path]) -> Path | None:
    """The first of what [build] names that leads out of a repository which a board sent; None: what a person has linked is meant."""
    root = depot.root.resolve()
    if not any(os.path.islink(part) for path in paths for part in (path, *path.parents) if part.is_relative_to(root)):
        return None
    if depot.git.ask("config", "--local", "--get", _STRANGE) != "true":
        return None
    return next((path for path in paths if not path.resolve().is_relative_to(root)), None)


def merges_releases(git: Git) -> None:
    """Have git keep its own side of xen/latest in a merge: each side has made releases, and the next push makes another.

    In this clone alone, and never committed.
    """
    line = f"{LATEST} merge=edgedeploy-ours"
    path = git.folder / git.run("rev-parse", "--git-path", "info/attributes")
    text = path.read_text(errors="surrogateescape") if path.is_file() else ""
    if line not in text.split("\n"):
        ended = text if not text or text.endswith("\n") else f"{text}\n"
        files.atomic_write(path, f"{ended}{line}\n".encode(errors="surrogateescape"))
    git.run("config", "--local", "merge.edgedeploy-ours.driver", "true")


def clone(folder: Path, board: str, commit: CommitId, bundle: Path) -> Depot:
    """A new repository with the board's history as its branch; all of it, or nothing is left of it.

    Raises errors.UsageFault for a folder in use, errors.BadRepository where git refuses what was sent.
    """
    folder = free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo:
        part = Path(undo.enter_context(tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}."))) / "part"
        part.mkdir()
        git = Git(part)
        git.run("init", "--quiet", f"--initial-branch={BRANCH}")
        git.run("config", "--local", _STRANGE, "true")
        into(git, board, commit, bundle)
        git.run(*_PLAIN, "reset", "--quiet", "--hard", commit)
        Depot.open(part)  # what is no deployment repository is told before it has the name
        if folder.is_dir():  # somebody may stand in it
            for path in sorted(part.iterdir(), key=lambda path: path.name == ".git"):
                os.rename(path, folder / path.name)
        else:
            os.rename(part, folder)
    return Depot.open(folder)


def free(folder: Path) -> Path:
    """The folder, absolute. Raises errors.UsageFault for what a new repository would be laid over, or into."""
    folder = Path(os.path.abspath(folder))
    try:
        usable.check_free(folder, add=False)
        used = folder.is_symlink()
    except errors.UsageFault as error:
        raise errors.UsageFault(error.message, hint="name another folder: edgedeploy fetch APP FOLDER") from None
    if used:
        raise errors.UsageFault(f"{folder} is a link", hint="name another folder: edgedeploy fetch APP FOLDER")
    return folder


def restore(depot: Depot) -> list[Path]:
    """Write kernel and ramdisk of the latest release where [build] has them and they are not there; returns their places.

    The repository came from a board: nothing of it is followed out of the folder. Raises errors.BadRepository for an artefact
    that is not what its manifest says, or a place that leads elsewhere; OSError.
    """
    latest = depot.latest()
    if latest is None or not depot.has_config or not depot.has_manifest(latest):
        return []
    manifest, build = depot.manifest(latest), depot.config.build
    made = []
    if build.kernel and _write(depot.root, build.kernel, _raw(depot, manifest, "kernel")):
        made.append(depot.root / build.kernel)
    if build.ramdisk and manifest.ramdisk:
        raw = _raw(depot, manifest, "ramdisk")
        if _write(depot.root, build.ramdisk, _without_slides(raw) if build.slides else raw):
            made.append(depot.root / build.ramdisk)
    return made


def _raw(depot: Depot, manifest: Manifest, role: str) -> bytes:
    artefact = next(one for one in manifest.artefacts if one.role == role)
    data = artefacts.unpacked(depot.artefact_bytes(manifest.release, artefact), role)
    if artefacts.digest(data) != artefact.sha256:
        raise errors.BadRepository(f"the {role} of {manifest.release} is not what its manifest describes (SHA-256 differs)")
    return data


def _without_slides(ramdisk: bytes) -> bytes | None:
    """The ramdisk that the slides were laid over; None where they cannot be told from it."""
    found = cpiolast.last_archive(ramdisk)
    if found is None:
        return None
    start, names = found
    only_slides = all(name == slides.PREFIX or name.startswith(f"{slides.PREFIX}/") for name in names)
    return ramdisk[:start] if start and only_slides else None


def _write(root: Path, place: PurePosixPath, data: bytes | None) -> bool:
    path = root / place
    if data is None or os.path.lexists(path):
        return False
    for above in (root / parent for parent in place.parents if str(parent) != "."):
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            raise errors.BadRepository(f"[build] {place}: {above} is no folder, and nothing is written through it")
    files.atomic_write(path, data, follow=False)
    return True
