"""Which board a repository went to the last time: in its own .git/config, which is this clone's and never committed."""

from __future__ import annotations

from edgedeploy.depot.git import Git

_KEY = "edgedeploy.board"


def of(git: Git) -> str:
    """The board's id, "" where there is none yet."""
    return git.ask("config", "--local", "--get", _KEY) or ""


def remember(git: Git, board_id: str) -> None:
    """Written only when that is news, and where it can be: the talk is on air all the same."""
    if board_id != of(git):
        git.ask("config", "--local", _KEY, board_id)
