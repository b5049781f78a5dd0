"""Words for what was brought from a board."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgedeploy.flows.fetch import Result


def words(result: Result) -> str:
    """What is where, and what to type next."""
    folder = shlex.quote(str(result.folder))
    if result.cloned:
        lines = [f"{result.app} is in {result.folder}, as {result.board} has it (commit {result.commit[:12]})"]
        return "\n".join([*lines, *_restored(result), f"edit it there, then: edgedeploy push {folder}"])
    head = f"{result.board} has commit {result.commit[:12]}, here as {result.ref}: "
    if not result.behind:
        return "\n".join([head + "it is part of your branch already", *_restored(result)])
    merge = f"git -C {folder} merge {'' if result.ahead else '--ff-only '}{result.ref}"
    yours = f"; you have {_commits(result.ahead)} that it has not" if result.ahead else ""
    news = f"{head}{_commits(result.behind)} that your branch has not{yours}"
    return "\n".join([news, *_restored(result), f"take them in, then push: {merge}"])


def _restored(result: Result) -> list[str]:
    names = " and ".join(str(path.relative_to(result.folder)) for path in result.restored)
    return [f"{names}: taken out of the latest release, so that the next one can be made here"] if names else []


def to_plain(result: Result) -> dict[str, Any]:
    """As --json prints it."""
    return {
        "app": result.app,
        "board": result.board,
        "repository": str(result.folder),
        "commit": result.commit,
        "ref": result.ref,
        "bytes": result.size,
        "cloned": result.cloned,
        "ahead": result.ahead,
        "behind": result.behind,
        "restored": [str(path.relative_to(result.folder)) for path in result.restored],
    }


def _commits(count: int) -> str:
    return f"{count} commit{'s' if count > 1 else ''}"
