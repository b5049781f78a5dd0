"""The bundle a board is sent: the objects it lacks, each as the difference from what it has.

`git bundle create` finds such a difference only at the same path. A release lies in a folder of its own, so that its
ramdisk would go over whole for one changed word on a slide (790 kB instead of 4 kB, see docs/performance-bundle.md). So
we name the objects ourselves (git-pack-objects(1), its list on stdin): a file of a new release by the path that the
board's own release has for it.

One thread: several divide the work by chance, and a transfer that was cut goes on only in the very same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from edgedeploy.core import errors, release
from edgedeploy.core.names import CommitId, ReleaseId
from edgedeploy.depot.git import Git

# git's sparse walk takes a known blob at a new path for unknown: an unchanged kernel would be sent again
_WALK = ("-c", "pack.useSparse=false")
_PACK = ("-c", "pack.threads=1", "-c", "pack.windowMemory=512m", "pack-objects", "--quiet", "--stdout")
_FORM = ("--delta-base-offset", "--no-reuse-object", "--no-reuse-delta", "--window=50", "--depth=50")


def make(git: Git, head: CommitId, branch: str, known: Sequence[CommitId], *, stored: bool = False) -> bytes:
    """A bundle (gitformat-bundle(5), version 2) of what leads from the commits `known` to `head`.

    `stored` leaves the objects uncompressed, for somebody who compresses the whole. Same repository, same bytes.
    Raises errors.BadRepository.
    """
    listed = git.run(*_WALK, "rev-list", "--objects", head, *(f"^{each}" for each in known))
    theirs = _folders(git, known)
    asked = [f"-{each}" for each in known]
    # Python's lines end at U+0085, form feeds and more, which may stand in a file's name
    asked += [_by_their_path(line, theirs) for line in listed.split("\n") if line]
    level = ("--compression=0",) if stored else ("--compression=9",)
    pack = git.raw(*_PACK, *_FORM, *level, data="\n".join([*asked, ""]).encode(errors="surrogateescape"))
    lines = ["# v2 git bundle", *(f"-{each} " for each in known), f"{head} refs/heads/{branch}", "", ""]
    return "\n".join(lines).encode() + pack


def _folders(git: Git, known: Sequence[CommitId]) -> Mapping[str, str]:
    """File name -> its path in the release that the board has."""
    found: dict[str, str] = {}
    for commit in known:
        latest = git.blob(commit, str(release.LATEST)) or b""
        try:
            folder = release.folder(ReleaseId.parse(latest.decode("ascii", "replace").strip()))
        except errors.UsageFault:  # no release yet, or none that we could name
            continue
        found.update((PurePosixPath(path).name, path) for path in git.names(commit, str(folder)))
    return found


def _by_their_path(line: str, theirs: Mapping[str, str]) -> str:
    """One line of `rev-list --objects`, with the path that the board has for a file of a release."""
    object_id, _, path = line.partition(" ")
    parts = PurePosixPath(path).parts
    in_release = len(parts) == 3 and parts[0] == release.LATEST.parts[0]
    return f"{object_id} {theirs.get(parts[2], path) if in_release else path}"
