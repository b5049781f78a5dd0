"""`edgedeploy push --over`: a pushed history takes the place of the board's own, whose commits are kept under a ref.

What allows it is a ref to a commit with two parents: the one that comes, and the head that it may replace. It holds for these
two alone: once anything else is checked out, it says nothing any more. Nothing but `activate` looks at it, no pull from a remote.
"""

from __future__ import annotations

from edgedeploy.agent import worktree
from edgedeploy.agent.gitrepo import STAGED, GitRepo
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core.names import CommitId

OVER = "refs/edgedeploy/over"
"""What was replaced last; what was before it is OVER-1 and so on."""
_ALLOWED = "refs/edgedeploy/replace"


def stage(repo: GitRepo, commit: CommitId, over: str) -> bool:
    """Mark a commit that is no fast-forward, where the head is `over`, or was when that was allowed; False where neither is so.

    Raises CommandFailed.
    """
    head = repo.head()
    if head and head == over:
        parents = ("-p", commit, "-p", head, "-m", "May take the place of the second parent")
        made = repo.git(*worktree.IDENTITY, "commit-tree", f"{commit}^{{tree}}", *parents).strip()
        repo.git("update-ref", _ALLOWED, made)
    elif not _allowed(repo, head, commit):
        return False
    repo.git("update-ref", STAGED, commit)
    return True


def _allowed(repo: GitRepo, head: CommitId | None, commit: CommitId) -> bool:
    try:
        return repo.git("rev-parse", f"{_ALLOWED}^1", f"{_ALLOWED}^2").split() == [commit, head]
    except CommandFailed:
        return False


def take(repo: GitRepo, head: CommitId, commit: CommitId) -> list[str]:
    """Put `commit` in the place of `head`; returns what is kept, in words. Killed anywhere, it can be done again.

    Raises as worktree.force.
    """
    words = worktree.clear(repo)
    words += worktree.force(repo, commit, lambda: _keep(repo, head))
    repo.git("update-ref", "-d", _ALLOWED)
    worktree.settle(repo)
    where = f"git -C {repo.folder} log HEAD..{OVER}"
    return [*words, f"the board's own commits gave way to what was pushed (--over) and are kept: {where}"]


def _keep(repo: GitRepo, head: CommitId) -> None:
    names = [OVER, *(f"{OVER}-{number}" for number in range(1, worktree.KEPT))]
    lines = repo.git("for-each-ref", "--format=%(refname) %(objectname)", f"{OVER}*").split("\n")
    earlier = dict(line.split(" ") for line in lines if line)
    # what is kept already moves up: a reset that is done again must push nothing out
    chain = dict.fromkeys([head, *(earlier[name] for name in names if name in earlier)])
    repo.git("update-ref", "--stdin", data="".join(map("update {} {}\n".format, names, chain)).encode())
