"""Runs git in one repository; the only module that imports GitPython, and of that only its command runner.

Git's own words are kept as an error's details: they name the file and often the remedy.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

# GitPython looks for git when it is imported and raises where there is none: we say it in our own words
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import git as gitpython

from edgedeploy.core import errors, gitenv
from edgedeploy.core.names import CommitId

gitenv.forget(os.environ)  # a hook of another repository may be what started us; GitPython hands on what stands there
_ENV = {
    "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8", "LANGUAGE": "",
    "GIT_DEFAULT_HASH": "sha1",
}  # fmt: skip


class _RefusedError(Exception):
    """git exited with something else than 0: no EdgeError, because often that is merely the answer "no"."""

    def __init__(self, command: str, status: object, said: str) -> None:
        super().__init__(command)
        self.command = command
        self.status = status
        self.lines = tuple(line for line in said.split("\n") if line.strip())

    def in_words(self) -> errors.BadRepository:
        """The error for a person."""
        told = [line.partition(": ")[2] for line in self.lines if line.startswith(("fatal: ", "error: "))]
        why = (*told, *self.lines, f"exit status {self.status}")[0]
        return errors.BadRepository(f"git {self.command} failed: {why}", details=self.lines)


class Git:
    """git, in the work tree `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runner = gitpython.Git(folder)

    def run(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """What git prints, without the last newline. Raises errors.BadRepository when it refuses."""
        return self.raw(*args, env=env).decode(errors="surrogateescape").removesuffix("\n")

    def raw(
        self, *args: str, env: Mapping[str, str] | None = None, data: bytes | None = None, file: BinaryIO | None = None
    ) -> bytes:
        """What git prints, byte for byte; its input is `data`, or an open file's from where it is. Raises errors.BadRepository
        when it refuses.
        """
        try:
            return self._execute(args, env, data, file)
        except _RefusedError as refused:
            raise refused.in_words() from None

    def ask(self, *args: str, env: Mapping[str, str] | None = None) -> str | None:
        """As `run`, but a refusal is the answer None."""
        try:
            return self._execute(args, env).decode(errors="surrogateescape").removesuffix("\n")
        except _RefusedError:
            return None

    def _execute(
        self, args: tuple[str, ...], env: Mapping[str, str] | None, data: bytes | None = None, file: BinaryIO | None = None
    ) -> bytes:
        try:
            with tempfile.TemporaryFile() as given:  # a file, because git asks for its descriptor
                given.write(data or b"")
                given.seek(0)
                printed = self._runner.execute(
                    ["git", *args],
                    istream=file or (given if data is not None else None),
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    env={**_ENV, **(env or {})},
                )
        except gitpython.exc.GitCommandNotFound:
            raise errors.BadRepository("git is not installed", hint="install it: apt install git") from None
        except gitpython.exc.GitCommandError as error:
            raise _RefusedError(_command(args), error.status, _said(error)) from None
        assert isinstance(printed, bytes)
        return printed

    def commit(self, revision: str) -> CommitId | None:
        """The commit that a revision names, None where there is none."""
        found = self.ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return CommitId.parse(found) if found else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is `newer` or part of its history."""
        return self.ask("merge-base", "--is-ancestor", older, newer) is not None

    def blob(self, commit: str, path: str) -> bytes | None:
        """A file's content in a commit, None where it is not there."""
        try:
            return self._execute(("cat-file", "blob", f"{commit}:{path}"), None)
        except _RefusedError:
            return None

    def names(self, commit: str, folder: str) -> list[str]:
        """Paths of all files below `folder` in a commit."""
        listing = self.run("ls-tree", "-r", "-z", "--name-only", commit, "--", folder)
        return [name for name in listing.split("\0") if name]


def _command(args: tuple[str, ...]) -> str:
    """What git was asked to do, whatever it was configured with before that."""
    words = iter(args)
    for word in words:
        if word != "-c":
            return word
        next(words, "")
    return ""


def _said(error: gitpython.exc.GitCommandError) -> str:
    # GitPython stores the stream dressed up: "\n  stderr: 'fatal: …'"
    text = str(error.stderr).strip()
    return text.removeprefix("stderr: ").strip("'\n")
