"""Makes one commit of named paths, all or nothing, whatever else the user has staged or left unstaged.

The commit is built beside the user's index, in an index of its own. Work tree, index and branch are changed
only when it exists, and put back if any of that fails. The branch moves last: a power cut before leaves files
that git calls untracked, and no half-made history.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edgedeploy.core.files import atomic_write
from edgedeploy.core.names import CommitId
from edgedeploy.core.project import FILE
from edgedeploy.depot.git import Git

FALLBACK_NAME = "edgedeploy"
FALLBACK_EMAIL = "edgedeploy@localhost"
_BORN = "0" * 40  # what update-ref calls "must not exist yet"


@dataclass(frozen=True, slots=True)
class Change:
    """What the commit changes. Paths are relative to the repository."""

    message: str
    files: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    remove: tuple[PurePosixPath, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()
    """taken as they are in the work tree: new, changed and deleted files, but none that .gitignore names"""

    @property
    def paths(self) -> list[str]:
        """Everything that may differ."""
        return [str(path) for path in (*self.files, *self.remove, *self.folders)]


@dataclass(frozen=True, slots=True)
class Committed:
    """The new commit and what was written; `nameless`: its author had to be made up, because git knows none."""

    commit: CommitId
    nameless: bool
    files: tuple[PurePosixPath, ...]


def commit(git: Git, change: Change) -> Committed:
    """Commit `change` on the checked-out branch. Raises BadRepository; then everything is as before."""
    head = git.commit("HEAD")
    ref = git.run("symbolic-ref", "HEAD")
    who = _identity(git)
    with ExitStack() as undo, tempfile.TemporaryDirectory(dir=_git_path(git, ".")) as scratch:
        made = _build(git, change, head, Path(scratch), who)
        _place(git.folder, change, undo)
        _sync_index(git, change, head, made, undo)
        subject = change.message.partition("\n")[0]
        git.run("update-ref", "-m", f"edgedeploy: {subject}", ref, made, head or _BORN)
        undo.pop_all()
    for path in change.remove:
        # the commit stands: a file that cannot be deleted is untracked now, and in nobody's way
        with contextlib.suppress(OSError):
            (git.folder / path).unlink()
    return Committed(made, bool(who), tuple(change.files))


def _git_path(git: Git, name: str) -> Path:
    return git.folder / git.run("rev-parse", "--git-path", name)


def _identity(git: Git) -> dict[str, str]:
    """Empty where git knows the user; else an identity for this one commit."""
    configured = bool(git.ask("config", "user.name")) and bool(git.ask("config", "user.email"))
    from_env = "GIT_AUTHOR_EMAIL" in os.environ and "GIT_COMMITTER_EMAIL" in os.environ
    if configured or from_env:
        return {}
    roles = ("AUTHOR", "COMMITTER")
    return {
        **{f"GIT_{role}_NAME": FALLBACK_NAME for role in roles},
        **{f"GIT_{role}_EMAIL": FALLBACK_EMAIL for role in roles},
    }


def _build(git: Git, change: Change, head: CommitId | None, scratch: Path, who: Mapping[str, str]) -> CommitId:
    own = {"GIT_INDEX_FILE": str(scratch / "index")}
    git.run("read-tree", *([head] if head else ["--empty"]), env=own)
    for number, (path, data) in enumerate(change.files.items()):
        stored = scratch / str(number)
        stored.write_bytes(data)
        # as they are: no line-ending or LFS filter may touch what a digest was taken of
        blob = git.run("hash-object", "-w", "--no-filters", str(stored))
        stored.unlink()
        for place in _tracked(git, head, path):
            git.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{place}", env=own)
    if change.remove:
        git.run("update-index", "--force-remove", "--", *map(str, change.remove), env=own)
    if change.folders:
        git.run("add", "--all", "--", *map(str, change.folders), env=own)
    tree = git.run("write-tree", env=own)
    text = scratch / "message"
    text.write_text(change.message)
    parent = ["-p", head] if head else []
    sign = ["-S"] if git.ask("config", "--type=bool", "commit.gpgsign") == "true" else []
    return CommitId.parse(git.run("commit-tree", *sign, *parent, "-F", str(text), tree, env=who))


def _tracked(git: Git, head: CommitId | None, path: PurePosixPath) -> list[PurePosixPath]:
    """Where a file's content is committed: a configuration that is committed as a link stays one, and its target is meant.

    None where that lies outside of the repository.
    """
    target = git.folder / path
    if str(path) != FILE or not head or not target.is_symlink():
        return [path]
    if not git.run("ls-tree", head, "--", str(path)).startswith("120000 "):  # a link of this laptop alone
        return [path]
    inside, root = target.resolve(), git.folder.resolve()
    return [PurePosixPath(inside.relative_to(root))] if inside.is_relative_to(root) else []


def _place(root: Path, change: Change, undo: ExitStack) -> None:
    for path, data in change.files.items():
        target = root / path
        for folder in reversed(target.relative_to(root).parents):
            if not (root / folder).exists():
                undo.callback(_remove_folder, root / folder)
        before = target.read_bytes() if target.exists() else None
        undo.callback(_restore, target, before)
        # any other link came with a clone: what it leads to is nobody's to write
        ours = str(path) == FILE and before is not None
        atomic_write(target, data, target.stat().st_mode & 0o7777 if ours else 0o644, follow=ours)


def _sync_index(git: Git, change: Change, head: CommitId | None, made: CommitId, undo: ExitStack) -> None:
    if not change.paths:
        return  # "reset COMMIT --" without paths would mean something else altogether
    index = _git_path(git, "index")
    undo.callback(_restore, index, index.read_bytes() if index.exists() else None)
    targets = [str(place) for path in change.files for place in _tracked(git, head, path)]
    git.run("reset", "--quiet", made, "--", *dict.fromkeys([*change.paths, *targets]))


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        atomic_write(path, content, path.stat().st_mode & 0o7777 if path.exists() else 0o644)


def _remove_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
