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
_SECRET = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")
# nothing of this computer's own: its hooks and templates are made for people, and LFS's pictures are not wanted here.
# What asks (a password, a host key) would ask nobody; a server that has gone silent is left.
_NO_HOOKS = "core.hooksPath=/dev/null"
_OURS = tuple(
    word
    for setting in (
        _NO_HOOKS, "gc.auto=0", "http.lowSpeedLimit=1", "http.lowSpeedTime=60", "init.defaultBranch=main"
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

    def __str__(self) -> str:
        return redacted(self.url)


def redacted(text: str) -> str:
    """Without the passwords that stand in addresses."""
    return _SECRET.sub(r"\1:***@", text)


def _host_and_path(text: str) -> bool:
    """git's own rule (url_is_local_not_ssh): a colon before the first slash."""
    colon, slash = text.find(":"), text.find("/")
    return colon > 0 and (slash < 0 or colon < slash)


class Copy:
    """A shallow copy of a remote's branch, in a folder of its own, to make one commit in and send it.

    `environment` is git's, for how ssh is called. Every method may raise errors.BadRepository with git's own words.
    """

    def __init__(self, remote: Remote, folder: Path, environment: Mapping[str, str]) -> None:
        self.remote = remote
        self.git = Git(folder)
        self._above = Git(folder.parent)
        self._env = {**_ENV, **environment}
        self._began: CommitId | None = None

    def start(self, branch: str | None) -> None:
        """Fetch the branch, or the one that the remote calls its own; an empty remote leaves an empty copy."""
        there = not branch or bool(self._ask(self._above, "ls-remote", "--", self.remote.url, f"refs/heads/{branch}"))
        named = ("--branch", branch) if branch and there else ()
        place = ("--", self.remote.url, str(self.git.folder))
        lasting = ("--config", _NO_HOOKS)
        self._ask(self._above, "clone", "--quiet", *_SHALLOW, "--no-local", "--template=", *lasting, *named, *place)
        if branch and not there:  # it begins with nothing, whatever the remote's own branch has
            self.git.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")
            self.git.run("read-tree", "--empty")
            self._clean()
        self._began = self.git.commit("HEAD")

    @property
    def branch(self) -> str:
        """The branch that is worked on."""
        return self.git.run("symbolic-ref", "--short", "HEAD")

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
            self._ask(self.git, "push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}")
        except errors.BadRepository:
            # what git says went wrong differs with each forge; what the remote has now does not
            now = self._tip()
            if now == self._began:
                raise
            return now == commit  # it arrived, and only the answer was lost
        return True

    def _tip(self) -> CommitId | None:
        said = self._ask(self.git, "ls-remote", "origin", f"refs/heads/{self.branch}")
        return CommitId.parse(said.split("\t")[0]) if said else None

    def _clean(self) -> None:
        self.git.run("clean", "--quiet", "-ffdx")

    def _ask(self, git: Git, *args: str) -> str:
        try:
            return git.run(*_OURS, *args, env=self._env)
        except errors.BadRepository as refused:
            details = tuple(map(redacted, refused.details))
            why = refused.message.replace(f"git {_OURS[0]} failed", f"git {args[0]} failed")
            raise errors.BadRepository(f"{self.remote}: {redacted(why)}", hint=refused.hint, details=details) from None
