"""A deployment repository somewhere else: where it is, a copy to work in, and a way to put a commit there without force."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edgedeploy.core import errors
from edgedeploy.core.names import CommitId, printable
from edgedeploy.depot.git import Git

_SCHEMES = ("ssh", "git", "http", "https", "file", "git+ssh", "ssh+git")
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.I | re.S)
# of http(s) all before the last @: a token stands there as a name, and a password may have any letter
_SECRET = re.compile(r"(https?://)[^\s'\"]*@|(://[^/@\s:]*:)[^/@\s]*@", re.I)
# nothing of this computer's own: its hooks and templates are made for people, and LFS's pictures are not wanted here.
# What asks (a password, a host key) would ask nobody; a server that has gone silent is left.
_NO_HOOKS = "core.hooksPath=/dev/null"
_OURS = tuple(
    word
    for setting in (
        _NO_HOOKS, "gc.auto=0", "submodule.recurse=false", "push.pushOption=", "push.followTags=false", "init.defaultBranch=main",
        "http.lowSpeedLimit=1", "http.lowSpeedTime=60",
    )
    for word in ("-c", setting)
)  # fmt: skip
_SHALLOW = ("--depth=1", "--no-tags")
_ENV = {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_LFS_SKIP_SMUDGE": "1", "GIT_ASKPASS": "true"}


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a repository is, as git is told it."""

    url: str

    @classmethod
    def parse(cls, text: str, beside: Path) -> Self:
        """An address or a path (relative to `beside`) as typed. Raises errors.UsageFault."""
        found = _URL.fullmatch(text)
        if not text or text.startswith("-") or not text.isprintable():
            raise errors.UsageFault(
                f"{printable(text, 80)!r} is no repository",
                hint="such as git@example.org:me/decks-deployment.git, https://… or a folder",
            )
        if found:
            if found[1].lower() not in _SCHEMES:
                raise errors.UsageFault(
                    f"{printable(redacted(text), 120)}: git repositories are not reached by {found[1]}",
                    hint="by " + ", ".join(_SCHEMES[:5]),
                )
            return cls(text)
        return cls(text) if _host_and_path(text) else cls(os.path.normpath(beside / text))

    @property
    def by_ssh(self) -> bool:
        """Whether git reaches it by ssh."""
        found = _URL.fullmatch(self.url)
        return "ssh" in found[1].lower() if found else _host_and_path(self.url)

    @property
    def folder(self) -> Path | None:
        """Where it is on this computer, None elsewhere."""
        return None if _URL.fullmatch(self.url) or _host_and_path(self.url) else Path(self.url)

    def rewritten(self, git: Git) -> Remote:
        """Where git goes for it, by the user's own rules (url.….insteadOf)."""
        return Remote(git.run("ls-remote", "--get-url", "--", self.url))

    def __str__(self) -> str:
        return redacted(self.url)


def redacted(text: str) -> str:
    """Without the passwords that stand in addresses."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}***@", text)


def _host_and_path(text: str) -> bool:
    """git's own rule (url_is_local_not_ssh): a colon before the first slash."""
    colon, slash = text.find(":"), text.find("/")
    return colon > 0 and (slash < 0 or colon < slash)


class Copy:
    """A shallow copy of a remote's branch, in a folder of its own, to make commits in and send them.

    `environment` is git's, where ssh is not called as the user calls it. Every method may raise errors.BadRepository, with git's own
    words.
    """

    def __init__(self, remote: Remote, folder: Path, environment: Mapping[str, str]) -> None:
        self.remote = remote
        self.git = Git(folder)
        self._above = Git(folder.parent)
        self._env = {**_ENV, **environment}
        self._carried = bool(environment)
        self._began: CommitId | None = None

    def start(self, branch: str | None) -> None:
        """Fetch the branch, or the one that the remote calls its own; an empty remote leaves an empty copy."""
        if branch is not None:
            self._check(branch)
        there = branch is None or self._ref(self._above, self.remote.url, branch) is not None
        named = ("--branch", branch) if branch and there else ()
        lasting = ["--origin", "origin", "--config", _NO_HOOKS]
        if self._carried:  # where it goes to is where it came from, whatever url.….pushInsteadOf says
            lasting += ["--config", f"remote.origin.pushurl={self.remote.url}"]
        place = ("--", self.remote.url, str(self.git.folder))
        self._ask(self._above, "clone", "--quiet", *_SHALLOW, "--no-local", "--template=", *lasting, *named, *place)
        if branch and not there:  # it begins with nothing, whatever the remote's own branch has
            self.git.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
            self.git.run("read-tree", "--empty")
            self._clean()
        self._began = self.git.commit("HEAD")
        if branch is None:
            self._check_its_own()

    def _check(self, branch: str) -> None:
        """Raises errors.UsageFault for what git does not take for a branch's name, or takes for something else."""
        if (
            branch.startswith(("-", "refs/"))
            or branch in ("HEAD", "@")
            or self._above.ask("check-ref-format", f"refs/heads/{branch}") is None
        ):
            raise errors.UsageFault(f"{printable(branch, 80)!r} is not a branch", hint="such as --branch main")

    def _check_its_own(self) -> None:
        """Raises errors.BadRepository where the remote has branches, and calls none of them its own."""
        own = self.git.ask("symbolic-ref", "HEAD")
        if own is not None and self._began is not None:
            return
        heads = self._ask(self.git, "ls-remote", "--heads", "origin").split("\n")
        names = [line.partition("\trefs/heads/")[2] for line in heads if "\trefs/heads/" in line]
        if names or own is None:
            raise errors.BadRepository(
                f"{self.remote} has branches, and calls none of them its own: {', '.join(names[:10])}",
                hint="say which: --branch NAME",
            )

    @property
    def branch(self) -> str:
        """The branch that is worked on."""
        return self.git.run("symbolic-ref", "HEAD").removeprefix("refs/heads/")

    def again(self) -> None:
        """Forget what was committed here, and take what the remote has now."""
        self._ask(self.git, "fetch", "--quiet", *_SHALLOW, "origin", f"refs/heads/{self.branch}")
        self.git.run("reset", "--quiet", "--hard", "FETCH_HEAD")
        self._clean()
        self._began = self.git.commit("HEAD")

    def send(self) -> bool:
        """Put what was committed on the remote's branch. False where somebody else was quicker; nothing is ever forced."""
        commit = self.git.commit("HEAD")
        try:
            self._ask(self.git, "push", "--quiet", "--no-signed", "origin", f"HEAD:refs/heads/{self.branch}")
        except errors.BadRepository:
            # what git says went wrong differs with each forge; what the remote has now does not
            now = self._tip()
            if now == self._began:
                raise
            return now == commit  # it arrived, and only the answer was lost
        return True

    def _tip(self) -> CommitId | None:
        return self._ref(self.git, "origin", self.branch)

    def _ref(self, git: Git, where: str, branch: str) -> CommitId | None:
        """git also lists what only ends like it."""
        said = self._ask(git, "ls-remote", "--", where, f"refs/heads/{branch}")
        lines = (line.partition("\t") for line in said.split("\n"))
        return next((CommitId.parse(commit) for commit, _, name in lines if name == f"refs/heads/{branch}"), None)

    def _clean(self) -> None:
        self.git.run("clean", "--quiet", "-ffdx")

    def _ask(self, git: Git, *args: str) -> str:
        try:
            return git.run(*_OURS, *args, env=self._env)
        except errors.BadRepository as refused:
            details = tuple(map(redacted, refused.details))
            raise errors.BadRepository(f"{self.remote}: {redacted(refused.message)}", hint=refused.hint, details=details) from None
