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
        if result.restored:
            names = " and ".join(str(path.relative_to(result.folder)) for path in result.restored)
            lines.append(f"{names}: taken out of the latest release, so that the next one can be made here")
        return "\n".join([*lines, f"edit it there, then: edgedeploy push {folder}"])
    head = f"{result.board} has commit {result.commit[:12]}, here as {result.ref}: "
    if not result.behind:
        return head + "it is part of your branch already"
    if not result.related:
        return f"{head}it has nothing in common with your branch\nanother talk? give yours another name (app in edgedeploy.toml)"
    merge = f"git -C {folder} merge {'--no-edit' if result.ahead else '--ff-only'} {result.ref}"
    yours = f"; you have {_commits(result.ahead)} that it has not" if result.ahead else ""
    news = f"{head}{_commits(result.behind)} that your branch has not{yours}"
    return f"{news}\ntake them in, then push: {merge}"


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
