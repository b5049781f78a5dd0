"""Which board a repository went to the last time, and what it is called there: in its own .git/config, which is this clone's
and never committed."""

from __future__ import annotations

from edgedeploy.core.names import AppName
from edgedeploy.depot.git import Git

_BOARD, _APP = "edgedeploy.board", "edgedeploy.app"


def of(git: Git) -> str:
    """The board's id, "" where there is none yet."""
    return git.ask("config", "--local", "--get", _BOARD) or ""


def remember(git: Git, board_id: str) -> None:
    """Written only when that is news, and where it can be: the talk is on air all the same."""
    if board_id != of(git):
        git.ask("config", "--local", _BOARD, board_id)


def app_of(git: Git) -> AppName | None:
    """What a repository that does not name its app is called on its board; None where that is not known."""
    name = git.ask("config", "--local", "--get", _APP) or ""
    return AppName(name) if AppName.fits(name) else None


def remember_app(git: Git, app: AppName) -> None:
    """As `remember`."""
    if app != app_of(git):
        git.ask("config", "--local", _APP, app)
