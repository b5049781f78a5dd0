"""Mends the small files of a git repository that a power cut left empty or full of zeros.

git renames them into place, and not every file system had their content on the disk by then. What they said is in the
reflog, or can be had again: only a branch is worth a look, everything else is made anew or left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgedeploy.agent.run import CommandFailed, run

_LOGGED = re.compile(rb"[0-9a-f]{40} ([0-9a-f]{40}) ")


def mend(folder: Path, broken: list[Path], branch: str) -> list[str]:
    """Mend `broken` files of folder/.git; returns what was done, in words. Raises CommandFailed, OSError."""
    inside = folder / ".git"
    if inside / "shallow" in broken:
        return []  # nobody knows what else is missing
    logs = {path: _logged(inside, path) for path in _branches(inside, broken, branch)}
    words = []
    for path in broken:
        path.unlink(missing_ok=True)
    if inside / "HEAD" in broken:
        (inside / "HEAD").write_bytes(b"ref: refs/heads/" + branch.encode() + b"\n")
        words.append(f"on branch {branch}")
    if inside / "config" in broken:
        _git(folder, "init", "--quiet")
        _git(folder, "config", "core.fsync", "all")
    for path, commits in logs.items():
        ref = path.relative_to(inside).as_posix()
        found = next((commit for commit in commits if _whole(folder, commit)), "")
        if found:
            _git(folder, "update-ref", ref, found)
            words.append(f"{ref} is {found[:12]} by its log")
    names = ", ".join(path.relative_to(inside).as_posix() for path in broken)
    said = f" ({'; '.join(words)})" if words else ""
    return [f"mended {inside}: a power cut left {names} without content{said}"]


def _branches(inside: Path, broken: list[Path], branch: str) -> list[Path]:
    """What may have named commits: broken branches, and the one that is checked out where it was in packed-refs."""
    heads = inside / "refs/heads"
    found = [path for path in broken if heads in path.parents]
    if inside / "packed-refs" in broken and not (heads / branch).exists():
        found.append(heads / branch)
    return found


def _logged(inside: Path, path: Path) -> list[str]:
    """The commits that a branch has been at, the newest first."""
    own = inside / "logs" / path.relative_to(inside)
    try:
        lines = own.read_bytes().split(b"\n")[-50:]
    except OSError:
        return []
    return [match[1].decode("ascii", "replace") for line in reversed(lines) if (match := _LOGGED.match(line))]


def _whole(folder: Path, commit: str) -> bool:
    """Whether all that a commit stands on is here."""
    try:
        _git(folder, "rev-list", "--objects", "--quiet", commit)
    except CommandFailed:
        return False
    return True


def _git(folder: Path, *args: str) -> str:
    return run(["git", "-C", str(folder), *args], timeout=600.0)
