"""Makes an app's repository on the board, or brings one in order: git's own files, the hook, the remote and its branch."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Protocol

from edgedeploy.agent import gitmend
from edgedeploy.agent.layout import OURS, PROGRAM
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import files, names
from edgedeploy.core.names import printable

if TYPE_CHECKING:
    from pathlib import Path

HOOK = f"""#!/bin/sh
# Installed by edgedeploy: what a person merges here (git pull) is deployed. The agent's own pulls are followed by the
# agent's own deployment: it is already started, and on a small board starting it again costs seconds.
[ -z "${OURS}" ] || exit 0
sync -f .  # a power cut must not leave half a work tree: the next pull would refuse to overwrite it
exec {PROGRAM} apply {{app}}
"""


class Repository(Protocol):
    """What is asked of a gitrepo.GitRepo, which calls this module."""

    folder: Path
    branch: str

    def git(self, *args: str) -> str:
        """Run git in it."""

    def broken(self) -> list[Path]:
        """The small files that a power cut left torn."""

    def damaged(self) -> bool:
        """Whether what is checked out cannot be read."""

    def has(self, commit: str) -> bool:
        """Whether a commit is there."""


def ensure(repo: Repository, app: names.AppName, remote: str) -> list[str]:
    """Make the repository, its hook and its remote; returns what was changed, in words."""
    changed = []
    if broken := repo.broken():
        with contextlib.suppress(CommandFailed, OSError):  # what cannot be mended is made anew
            changed += gitmend.mend(repo.folder, broken, repo.branch)
    if repo.damaged():
        aside = repo.folder.with_name(f"{repo.folder.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        repo.folder.rename(aside)
        changed.append(f"the repository was damaged (a power cut?); it was moved to {aside}")
    moved = False
    if not (repo.folder / ".git").is_dir():
        repo.folder.mkdir(parents=True, exist_ok=True)
        repo.git("init", "--quiet", "--initial-branch", repo.branch)
        # git does not sync loose objects by default: after a power cut they are there, and empty
        repo.git("config", "core.fsync", "all")
        changed.append(f"created the repository {repo.folder}")
    else:
        moved = _moved(repo)
    hook = repo.folder / ".git/hooks/post-merge"
    if files.write_if_changed(hook, HOOK.format(app=app).encode(), 0o755):
        changed.append(f"installed the hook {hook}")
    return changed + _remote(repo, remote, again=moved)


def _moved(repo: Repository) -> bool:
    """Give what is checked out the name of the branch that is pulled now; a person's own branch beside that one stays."""
    with contextlib.suppress(OSError, CommandFailed):
        ref = (repo.folder / ".git/HEAD").read_text().strip()
        wanted = f"refs/heads/{repo.branch}"
        if ref.startswith("ref: refs/heads/") and ref != f"ref: {wanted}" and not repo.has(wanted):
            repo.git("branch", "--move", repo.branch)
            return True
    return False


def _remote(repo: Repository, remote: str, *, again: bool) -> list[str]:
    if not remote:
        return []
    known = "origin" in repo.git("remote").split()
    same = known and repo.git("remote", "get-url", "origin").strip() == remote
    if same and not again:
        return []
    if not same:
        repo.git("remote", *(("set-url",) if known else ("add",)), "origin", remote)
    repo.git("config", f"branch.{repo.branch}.remote", "origin")
    repo.git("config", f"branch.{repo.branch}.merge", f"refs/heads/{repo.branch}")
    return [] if same else [f"set the remote of {repo.folder} to {printable(remote)}"]
