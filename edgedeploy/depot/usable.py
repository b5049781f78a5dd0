"""Which git repositories can be deployed from; each other kind is refused when it is opened, with git's reason."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.core.project import FILE
from edgedeploy.depot.git import Git

START = "start one: edgedeploy init APP"
# of a work tree there is none: the two answers of git (setup.c) that mean that nobody made a repository here
_NONE = ("not a git repository", "must be run in a work tree")


def top_of(path: Path) -> Path:
    """The work tree that a folder lies in. Raises errors.BadRepository where git has none, or refuses the one there is."""
    git = Git(path)
    try:
        return Path(git.run("rev-parse", "--show-toplevel"))
    except errors.BadRepository as refused:
        said = " ".join(refused.details)
        if "dubious ownership" in said or "unsafe repository" in said:
            raise _not_yours(path, said) from None
        if any(words in said for words in _NONE):
            raise errors.BadRepository(f"{path} is not in a git repository with a work tree", hint=START) from None
        if not refused.details:
            raise
        raise errors.BadRepository(
            f"git does not read the repository of {path}", hint="see: git status", details=refused.details
        ) from None


def check(git: Git) -> None:
    """Raises errors.BadRepository for a work tree whose commits no board could take."""
    form = git.ask("rev-parse", "--show-object-format") or ""
    if form.startswith("sha") and form != "sha1":  # a git that knows one form only says the option again
        raise errors.BadRepository(
            f"{git.folder} names its objects by {form.upper().replace('SHA', 'SHA-')}: boards take SHA-1 repositories",
            hint="start one with: git init --object-format=sha1, and commit the files there",
        )
    check_branch(git.ask("symbolic-ref", "--short", "--quiet", "HEAD") or "")


def check_branch(name: str) -> None:
    """Raises errors.BadRepository for a branch whose name is not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = printable(name.encode(errors="surrogateescape").decode(errors="backslashreplace"))
        raise errors.BadRepository(
            f"the branch {shown} has a name that is not UTF-8", hint="give it another: git branch -m main"
        ) from None


def _not_yours(path: Path, said: str) -> errors.BadRepository:
    # git quotes the folder that it means: the work tree or its .git, whoever is above `path`
    folder = said.partition("'")[2].partition("'")[0] or str(path)
    return errors.BadRepository(
        f"{folder} belongs to another user: git does not use it (dubious ownership)",
        hint=f"if you trust it: git config --global --add safe.directory {shlex.quote(folder)}",
    )


def check_free(path: Path, *, add: bool) -> None:
    """Raise errors.UsageFault unless a deployment repository can be started at `path`; `add`: in a git repository, too."""
    above = next(folder for folder in Path(os.path.abspath(path)).parents if folder.is_dir())  # without any ..
    around = next((folder for folder in (above, *above.parents) if (folder / FILE).is_file()), None)
    if around:
        raise errors.UsageFault(
            f"{path} would be inside the deployment repository {around}",
            hint=f"name a folder beside it: --dir {around.parent / path.name}",
        )
    if path.exists() and not path.is_dir():
        raise errors.UsageFault(f"{path} is a file", hint="name another folder with --dir")
    if (path / FILE).exists():
        raise errors.UsageFault(f"{path} is a deployment repository already", hint=f"edit {path / FILE}")
    is_repository = (path / ".git").exists()
    if is_repository and not add:
        raise errors.UsageFault(f"{path} is a git repository already", hint="add our files to it with --add")
    if not is_repository and path.is_dir() and any(path.iterdir()):
        raise errors.UsageFault(
            f"{path} is not empty",
            hint=f"name another folder with --dir, or first: git -C {path} init, then --add",
        )
