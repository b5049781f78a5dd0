"""Configuration files: the user's config.toml and the edgedeploy.toml of the repository one stands in.

Precedence: flag > EDGEDEPLOY_* > project > user > default. Flags and environment are click's part:
this module merges the two files. The user's file, all of it optional:

    interfaces = ["eth0"]            # where to look for boards

    [apps.decks]
    path = "~/talks/decks"           # relative paths are relative to this file
    board = "stage"                  # what `--on` is when it is not given

    [boards.stage]
    host = "192.168.1.20:22"         # where it is; left out, it is looked for
    port = "/dev/serial/by-id/usb-…" # the cable to its console
    via = "serial"                   # ssh, serial or auto, as --via
    console_user = "root"            # who logs in at its console
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgedeploy.cli.words import VIA
from edgedeploy.core import errors, names, strict
from edgedeploy.core.release import LATEST
from edgedeploy.core.strict import Reader
from edgedeploy.ports import folders

PROJECT_FILE = "edgedeploy.toml"
USER_FILE = "config.toml"
_LIMIT = 1 << 20
_APP_HINT = "name a folder, add [apps.NAME] to the configuration file, or start one: edgedeploy init APP"


@dataclass(frozen=True, slots=True)
class AppEntry:
    """An app the user gave a short name to."""

    name: names.AppName
    path: Path
    board: names.BoardName | None = None


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """What the user says of a board; `host`, `port` and `via` are text as the flags of that name take it, or empty."""

    name: names.BoardName
    host: str = ""
    port: str = ""
    via: str = ""
    console_user: str = "root"


@dataclass(frozen=True, slots=True)
class Settings:
    """Both files, merged."""

    apps: Mapping[str, AppEntry] = field(default_factory=lambda: MappingProxyType({}))
    boards: Mapping[str, BoardEntry] = field(default_factory=lambda: MappingProxyType({}))
    interfaces: tuple[str, ...] = ()
    project: Path | None = None
    """the repository one stands in"""
    project_app: str | None = None
    project_board: names.BoardName | None = None
    user_file: Path | None = None
    """the user's file, read or not there yet"""

    def board_for(self, repository: Path) -> names.BoardName | None:
        """The board that a repository usually goes to: by the project's file, else by the user's."""
        here = repository.resolve()
        file = repository / PROJECT_FILE
        theirs = Reader(_read(file) if file.is_file() else {}, str(file), errors.BadConfig)
        if board := theirs.name("board", names.BoardName.parse, None):
            return board
        return next(
            (entry.board for entry in self.apps.values() if entry.board and entry.path.resolve() == here),
            None,
        )

    def known_apps(self) -> tuple[str, ...]:
        """Names that `resolve_app` knows without looking for a folder."""
        return (*self.apps, *([self.project_app] if self.project_app else []))

    def resolve_app(self, arg: str | None) -> Path:
        """The repository folder that APP means; raises errors.UsageFault that says what was looked at.

        In this order: the repository one stands in (APP left out, or its app's name), a name in the user's
        configuration, a folder.
        """
        if self.project and arg in (None, self.project_app):
            return self.project
        if arg is None:
            looked = (
                f"{folders.here() or 'a folder that is gone'} and the folders above it: no {PROJECT_FILE}, no {LATEST}"
            )
            why = "which app? there is no deployment repository here"
            raise errors.UsageFault(why, hint=_APP_HINT, details=(looked,))
        if arg in self.apps:
            return self.apps[arg].path
        folder = folders.expand(arg)
        if folder.is_dir():
            return folder
        here = f"the app here is {self.project_app or 'unnamed'}" if self.project else "no deployment repository"
        known = f"knows {', '.join(self.apps)}" if self.apps else "names no apps"
        looked_at = (
            f"{folders.here() or 'here'}: {here}",
            f"{self.user_file}: {known}",
            f"{folder.absolute()}: no such folder",
        )
        from edgedeploy.depot import pushed_from  # noqa: PLC0415 - for what is wrong only

        if there := pushed_from.folder(arg):
            raise errors.UsageFault(
                f"there is no app {arg!r} here; it was last pushed from {there}",
                hint=f"type the folder instead: {shlex.quote(str(there))}",
                details=looked_at,
            )
        if boards := _boards_with(arg):
            raise errors.UsageFault(
                f"{arg} is an app of {', '.join(boards)}; this laptop does not know where its deployment repository is",
                hint=f"push it from its folder; bring that here: edgedeploy fetch {arg}, or name the folder",
                details=looked_at,
            )
        raise errors.UsageFault(f"there is no app {arg!r}", hint=_APP_HINT, details=looked_at)


def _boards_with(app: str) -> list[str]:
    """Enrolled boards that had such an app when they last answered."""
    from edgedeploy.remote.known import KnownBoards  # noqa: PLC0415 - for what is wrong only

    return [board.name for board in KnownBoards(folders.state_dir()).all() if app in board.apps]


def find_project(start: Path | None) -> Path | None:
    """The nearest folder at or above `start` that is laid out as a deployment repository."""
    for folder in (start, *start.parents) if start else ():
        if folders.is_file(folder / PROJECT_FILE) or folders.is_file(folder / LATEST):
            return folder
    return None


def load(config: Path | None = None, cwd: Path | None = None) -> Settings:
    """Read both files; one that is missing is empty, unless it was named.

    Raises errors.BadConfig naming file and key.
    """
    if config is not None and not config.is_file():
        raise errors.BadConfig(f"{config} does not exist", hint="--config names a file; leave it out for the default")
    user_file = config or folders.config_dir() / USER_FILE
    user = Reader(_read(user_file) if folders.is_file(user_file) else {}, str(user_file), errors.BadConfig)
    apps = {name: _app(name, row, user, user_file) for name, row in user.items("apps", {})}
    boards = {name: _board(name, row, user) for name, row in user.items("boards", {})}
    interfaces = tuple(user.names("interfaces", _interface))
    user.done()
    project = find_project(cwd or folders.here())
    project_file = project / PROJECT_FILE if project else None
    data = _read(project_file) if project_file and folders.is_file(project_file) else {}
    # the rest of the project's file is the deployment repository's own business: core/project.py reads it
    theirs = Reader(data, str(project_file), errors.BadConfig)
    return Settings(
        apps=MappingProxyType(apps),
        boards=MappingProxyType(boards),
        interfaces=tuple(theirs.names("interfaces", _interface)) or interfaces,
        project=project,
        project_app=theirs.name("app", names.AppName.parse, None),
        project_board=theirs.name("board", names.BoardName.parse, None),
        user_file=user_file,
    )


def load_quietly(config: Path | None = None) -> Settings:
    """As `load`, but a broken file is an empty one: for shell completion, which has nowhere to complain."""
    try:
        return load(config)
    except (errors.EdgeError, OSError):
        return Settings()


def resolve_app(arg: str | None, settings: Settings | None = None) -> Path:
    """`Settings.resolve_app`, on the settings of this moment."""
    return (settings or load()).resolve_app(arg)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT + 1)
        if len(raw) > _LIMIT:
            raise errors.BadConfig(f"{path} is larger than {_LIMIT} bytes")
        return strict.toml(raw, str(path))
    except OSError as error:
        raise errors.BadConfig(f"{path} cannot be read: {error.strerror}") from None


def _app(name: str, row: object, parent: Reader, file: Path) -> AppEntry:
    reader = Reader(
        {"name": name, **(row if isinstance(row, dict) else {})}, f"{parent.where}: apps.{name}", parent.fault
    )
    path = folders.expand(reader.text("path"))
    entry = AppEntry(
        name=reader.name("name", names.AppName.parse),
        path=path if path.is_absolute() else file.absolute().parent / path,
        board=reader.name("board", names.BoardName.parse, None),
    )
    reader.done()
    return entry


def _board(name: str, row: object, parent: Reader) -> BoardEntry:
    data = {"name": name, **(row if isinstance(row, dict) else {})}
    reader = Reader(data, f"{parent.where}: boards.{name}", parent.fault)
    entry = BoardEntry(
        reader.name("name", names.BoardName.parse),
        reader.text("host", "", limit=300),
        reader.text("port", "", limit=300),
        reader.choice("via", VIA, "") if reader.has("via") else "",
        reader.name("console_user", _user, "root"),
    )
    reader.done()
    return entry


def _user(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", value):
        return value
    raise errors.UsageFault(f"{names.shown(value)} is not a user name", hint='such as "root"')


def _interface(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable() and len(value) <= 64:
        return value
    raise errors.UsageFault(f"{names.shown(value)} is not a network interface", hint='such as "eth0"')
