"""`git merge --ff-only` of what has come, into a work tree that is brought in line first where git refuses it.

Each pull returns what had to be put right, in words.
"""

from __future__ import annotations

import contextlib

from edgedeploy.agent import worktree
from edgedeploy.agent.gitrepo import FETCHED, STAGED, GitRepo
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors

_SLOW = 900.0


def staged(repo: GitRepo) -> list[str]:
    """Pull the staged commit. Raises errors.BadRepository with git's words."""
    try:
        return _pull(repo, STAGED)
    except CommandFailed as error:
        raise errors.BadRepository(
            "`git merge --ff-only` on the board failed; nothing was deployed",
            hint=error.hint or f"look into the board's repository: git -C {repo.folder} status",
            details=error.details,
        ) from None


def fetched(repo: GitRepo) -> list[str]:
    """Pull what `GitRepo.fetch_remote` brought.

    Raises CommandFailed when it is no fast-forward, errors.BadRepository as `worktree.force`.
    """
    return _pull(repo, FETCHED)


def _pull(repo: GitRepo, ref: str) -> list[str]:
    words = worktree.clear(repo)
    try:
        if worktree.blocked(repo, ref):
            with contextlib.suppress(CommandFailed):  # the history has diverged: the pull says so better
                words += worktree.force(repo, ref)
        # the half of `git pull` that is left: what it would fetch is here already, and six processes of git more
        repo.git("merge", "--quiet", "--ff-only", ref, timeout=_SLOW)
    except CommandFailed as refused:
        try:
            words += worktree.force(repo, ref)
        except CommandFailed:
            raise refused from None
    worktree.settle(repo)
    return words
