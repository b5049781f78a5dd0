"""Brings a repository's work tree back in line: after a power cut, a killed git, or somebody's edits.

git syncs its objects (core.fsync), never the files it checks out: with the power cut within half a minute of a pull they
are old or empty, and every later pull refuses to overwrite "local changes". Releases are read from commits, so
nothing in a work tree is worth a refused deployment, and nothing in it may be lost: it is put aside as a commit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgedeploy.agent.run import CommandFailed, run

if TYPE_CHECKING:
    from edgedeploy.agent.gitrepo import GitRepo

ASIDE = "refs/edgedeploy/aside"
_IDENTITY = ("-c", "user.name=edgedeploy-agent", "-c", "user.email=edgedeploy-agent@localhost")


def force(repo: GitRepo, ref: str) -> list[str]:
    """Make branch, index and work tree those of `ref`, for a pull that git refused; returns what was put aside, in words.

    Raises CommandFailed when `ref` does not follow what is checked out, or when git can do nothing here.
    """
    head = repo.head()
    if head:
        repo.git("merge-base", "--is-ancestor", head, ref)
    saved = _save(repo, head)
    repo.git("reset", "--quiet", "--hard", ref, timeout=900.0)
    if not saved:
        return []
    where = f"git -C {repo.folder} show --first-parent {ASIDE}"
    return [f"the work tree was not as its commit says (a power cut, or edits); what differed is kept: {where}"]


def _save(repo: GitRepo, head: str | None) -> bool:
    """Keep the work tree as a commit under ASIDE, by an index of its own; False when it is what HEAD says."""
    index = repo.folder / ".git/edgedeploy-aside.index"
    index.unlink(missing_ok=True)
    git = _with_index(repo, index)
    try:
        git("add", "--all", ".")
        tree = git("write-tree").strip()
    finally:
        index.unlink(missing_ok=True)
    if head and tree == repo.git("rev-parse", f"{head}^{{tree}}").strip():
        return False
    earlier = repo.git("for-each-ref", "--format=%(objectname)", ASIDE).strip()
    parents = [word for parent in (head, earlier) if parent for word in ("-p", parent)]
    kept = repo.git(*_IDENTITY, "commit-tree", tree, *parents, "-m", "The work tree as a pull found it").strip()
    repo.git("update-ref", ASIDE, kept)
    return True


def _with_index(repo: GitRepo, index: Path) -> Callable[..., str]:
    env = {**os.environ, "GIT_INDEX_FILE": str(index), "LC_ALL": "C"}
    return lambda *args: run(["git", "-C", str(repo.folder), *args], timeout=900.0, env=env)


def settle(repo: GitRepo) -> None:
    """Bring what was checked out to the disk, so that a power cut leaves nothing to put right."""
    with contextlib.suppress(CommandFailed):  # it is a favour to the next pull, which can do without
        run(["sync", "-f", str(repo.folder)], timeout=120.0)


def clear(repo: GitRepo) -> list[str]:
    """Remove what would make every git fail: locks that no running git can own, and an index that cannot be read.

    A git that was killed, or lost its power, leaves them. Returns what was removed, in words.
    """
    inside = repo.folder / ".git"
    doomed = [*inside.glob("*.lock"), *(inside / "refs").rglob("*.lock")]
    if doomed and _git_is_running():
        return []
    if _unreadable(inside / "index"):
        doomed.append(inside / "index")  # the next pull makes it anew
    for path in doomed:
        path.unlink(missing_ok=True)
    return [f"removed {path}, left by a git that was killed" for path in doomed]


def _unreadable(index: Path) -> bool:
    """Whether there is an index without its header or checksum (git: index-format.txt; SHA-1, as our repositories are)."""
    try:
        data = index.read_bytes()
    except FileNotFoundError:
        return False
    return data[:4] != b"DIRC" or hashlib.sha1(data[:-20], usedforsecurity=False).digest() != data[-20:]


def _git_is_running() -> bool:
    for name in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if name.read_text().startswith("git"):
                return True
    return False
