"""Which files of a work tree a `git reset --hard` would write over or remove, ignored and untracked ones included."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable


def overwritten(folder: Path, ours: set[bytes], theirs: dict[bytes, str]) -> set[bytes]:
    """The paths that a reset would write or remove: of `ours` (tracked, staged) and `theirs` (what comes).

    Raises OSError; errors.BadRepository when a repository of its own is among them.
    """
    found = set()
    for path in {*ours, *theirs}:
        there, mode = first(folder, path)
        if not stat.S_ISDIR(mode):
            found |= {there} if not mode or _has_content(mode) else set()
        elif not theirs.get(path, "160000").startswith("160000"):  # a submodule's folder stays
            found |= _below(folder, path)
    return found


def first(folder: Path, path: bytes) -> tuple[bytes, int]:
    """The first part of a path that is no folder, else all of it, and its mode; 0: there is nothing."""
    parts = path.split(b"/")
    for end in range(1, len(parts) + 1):
        part = b"/".join(parts[:end])
        try:
            mode = os.lstat(os.path.join(os.fsencode(folder), part)).st_mode
        except FileNotFoundError:
            return path, 0
        if not stat.S_ISDIR(mode):
            break
    return part, mode


def _has_content(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _below(folder: Path, path: bytes) -> set[bytes]:
    """All files of a folder that will be replaced."""
    root, found = os.fsencode(folder), set()
    for base, *names in os.walk(os.path.join(root, path)):
        for name in (os.path.join(base, name) for kind in names for name in kind):
            if os.path.basename(name).lower() == b".git":
                raise errors.BadRepository(
                    f"{printable(os.fsdecode(base), 300)} is a git repository of its own, and the new commit has a file "
                    "in its place; nothing was changed and nothing was deployed",
                    hint=f"move it out of {folder} on the board, then deploy again",
                )
            if _has_content(os.lstat(name).st_mode):
                found.add(os.path.relpath(name, root))
    return found
