"""Brings a repository's work tree back in line: after a power cut, a killed git, or somebody's edits.

git syncs its objects (core.fsync), never the files it checks out: with the power cut within half a minute of a pull they
are old or empty, and every later pull refuses to overwrite "local changes". Releases are read from commits, so
nothing in a work tree is worth a refused deployment, and nothing in it may be lost: what a reset would change is put
aside as a commit first. What is untracked and in nobody's way stays where it is, a repository in the repository too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.overwritten import first, overwritten
from edgedeploy.agent.run import CommandFailed, run
from edgedeploy.core import errors

ASIDE = "refs/edgedeploy/aside"
"""The newest; what was put aside before it is ASIDE-1 and so on."""
KEPT = 5
_SLOW = 900.0
IDENTITY = ("-c", "user.name=edgedeploy-agent", "-c", "user.email=edgedeploy-agent@localhost")
# with these, git would leave out names that only other systems cannot have
_ANY_NAME = ("-c", "core.protectNTFS=false", "-c", "core.protectHFS=false")


def blocked(repo: GitRepo, ref: str) -> bool:
    """Whether something is where `ref` brings a file: what a .gitignore names, git pull overwrites without a word."""
    head = repo.head()
    news = ("diff-tree", "-r", "--no-renames", "--diff-filter=A", head, ref) if head else ("ls-tree", "-r", ref)
    return any(first(repo.folder, path)[1] for path in repo.listed(*news))


def force(repo: GitRepo, ref: str, keep: Callable[[], None] | None = None) -> list[str]:
    """Make branch, index and work tree those of `ref`, for a pull that git refused; returns what was put aside, in words.

    With `keep`, `ref` need not follow what is checked out, which `keep` saves before anything is changed.

    Raises CommandFailed when `ref` does not follow what is checked out; errors.BadRepository when a repository inside
    the repository is in the way, or when git cannot keep or replace the files (a full disk).
    """
    head = repo.head()
    if head and not keep:
        repo.git("merge-base", "--is-ancestor", head, ref)
    try:
        if keep:
            keep()
        kept = _save(repo, head, ref)
        repo.git("reset", "--quiet", "--hard", ref, timeout=_SLOW)
    except (CommandFailed, OSError) as error:
        failed = error if isinstance(error, CommandFailed) else CommandFailed(["git"], f"failed: {error}", str(error))
        raise errors.BadRepository(
            f"the files in {repo.folder} are not as their commit says, and could not be kept and replaced; "
            "nothing is lost and nothing was deployed",
            hint=failed.hint or f"is the board's disk full? df -h; git -C {repo.folder} status",
            details=(failed.message, *failed.details),
        ) from None
    if not kept:
        return []
    where = f"git -C {repo.folder} show --first-parent {kept}"
    return [f"the work tree was not as its commit says (a power cut, or edits); what differed is kept: {where}"]


def _save(repo: GitRepo, head: str | None, ref: str) -> str:
    """Keep what a reset to `ref` would change, as a commit; returns its ref, "" when all of it is as `head` says.

    What was staged is the commit's second parent. A merge that a person began is not kept as one, only its files are.
    """
    theirs = repo.listed("ls-tree", "-r", ref)
    staged = repo.listed("ls-files", "--stage")
    ours = repo.listed("ls-tree", "-r", head) if head else {}
    base, tree = _trees(repo, head, overwritten(repo.folder, {*ours, *staged}, theirs))
    index = _index_tree(repo, staged)
    if index in (base, tree):
        index = ""
    if tree == base and not index:
        return ""
    words = "The work tree as a pull found it" + (f"; staged: {index}" if index else "")
    lines = repo.git("for-each-ref", "--format=%(refname) %(objectname) %(tree) %(subject)", f"{ASIDE}*").strip().split("\n")
    earlier = {}
    for name, commit, same in (line.split(" ", 2) for line in lines if line):
        if same == f"{tree} {words}":
            return name  # a reset that fails at every tick must not push out what was kept first
        earlier[name] = commit
    parents = ["-p", head] if head else []
    if index:
        parents += ["-p", repo.git(*IDENTITY, "commit-tree", index, *parents, "-m", "What was staged").strip()]
    new = repo.git(*IDENTITY, "commit-tree", tree, *parents, "-m", words).strip()
    names = [ASIDE, *(f"{ASIDE}-{number}" for number in range(1, KEPT))]
    chain = [new, *(earlier[name] for name in names if name in earlier)]
    repo.git("update-ref", "--stdin", data="".join(map("update {} {}\n".format, names, chain)).encode())
    return ASIDE


def _trees(repo: GitRepo, head: str | None, paths: Iterable[bytes]) -> tuple[str, str]:
    """The tree of `head`, and the same with `paths` as they are in the work tree; by an index of its own."""
    index = repo.folder / ".git/edgedeploy-aside.index"
    env = {**os.environ, "GIT_INDEX_FILE": str(index), "LC_ALL": "C"}

    def git(*args: str, data: bytes | None = None) -> str:
        return run(["git", "-C", str(repo.folder), *args], timeout=_SLOW, env=env, data=data).strip()

    index.unlink(missing_ok=True)
    try:
        if head:
            git("read-tree", head)
        base = git("write-tree")
        names = b"".join(path + b"\0" for path in sorted(paths))
        git(*_ANY_NAME, "update-index", "--add", "--remove", "--replace", "-z", "--stdin", data=names)
        return base, git("write-tree")
    finally:
        index.unlink(missing_ok=True)


def _index_tree(repo: GitRepo, staged: dict[bytes, str]) -> str:
    """What is staged, as a tree; "" when it has conflicts, or names content that is not there."""
    if not staged or any(meta.split()[-1] != "0" for meta in staged.values()):
        return ""
    try:
        return repo.git("write-tree").strip()
    except CommandFailed as error:
        if "invalid object" not in error.words:
            raise
        return ""


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
    """Whether there is an index without its header or checksum (git: index-format.txt; SHA-1, as our repositories are).

    A checksum of zeros is what index.skipHash writes (git 2.40), or a power cut: whether git can read it tells.
    """
    try:
        data = index.read_bytes()
        if data[:4] != b"DIRC" or data[-20:] != bytes(20):
            return data[:4] != b"DIRC" or hashlib.sha1(data[:-20], usedforsecurity=False).digest() != data[-20:]
        run(["git", "-C", str(index.parent.parent), "ls-files"], timeout=60.0)
    except CommandFailed:
        return True
    except FileNotFoundError:
        pass
    return False


def _git_is_running() -> bool:
    return any(map(_is_git, Path("/proc").glob("[0-9]*/comm")))


def _is_git(comm: Path) -> bool:
    """git itself, or git-remote-https and the like; not gitea."""
    try:
        return comm.read_bytes().strip().partition(b"-")[0] == b"git"
    except OSError:  # it has ended meanwhile
        return False
