"""/etc/edgedeploy/agent.toml: who this board is, and which apps it serves."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgedeploy.core import errors
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName
from edgedeploy.core.release import RUNTIMES, XEN
from edgedeploy.core.strict import Reader, toml


@dataclass(frozen=True, slots=True)
class AppConfig:
    """One app: where it is pulled from by cron ("" : only pushed), and the branch that is deployed.

    `address` and `page` (as core.health.told takes them) are for a repository that does not say where its guest answers.
    """

    remote: str = ""
    branch: str = "main"
    address: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The whole file. `passthrough`: options of an original xl.conf.in that the board's profile allows."""

    board_id: BoardId
    name: BoardName
    profile: ProfileName
    apps: dict[AppName, AppConfig] = field(default_factory=dict)
    passthrough: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = (XEN,)
    """what starts and stops releases here, of core.release.RUNTIMES"""


def parse(text: str | bytes, where: str) -> AgentConfig:
    """Raises errors.BadConfig naming the field."""
    plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
    with contextlib.suppress(errors.BadConfig, ValueError):
        config = _checked(_written(plain), where)
        if render(config) == plain:  # then it says what TOML's own parser would find, which is dear to load
            return config
    return _checked(toml(text, where), where)


def _written(text: str) -> dict[str, Any]:
    """The tables of a file that `render` wrote; of any other, something that `render` would write otherwise."""
    tables: dict[str, Any] = {"apps": {}}
    table = tables
    for line in text.splitlines():
        key, equals, value = line.partition(" = ")
        if line.startswith("[apps."):
            table = tables["apps"][line[6:-1]] = {}
        elif line.startswith("["):
            table = tables[line[1:-1]] = {}
        elif equals:
            table[key] = value[1:-1]
    return tables


def _checked(tables: dict[str, Any], where: str) -> AgentConfig:
    reader = Reader(tables, where, errors.BadConfig)
    board = reader.table("board")
    config = AgentConfig(
        board_id=board.name("id", BoardId.parse),
        name=board.name("name", BoardName.parse),
        profile=board.name("profile", ProfileName.parse),
        apps={
            _name(key, where): _app(Reader(value, f"{where}: apps.{key}", errors.BadConfig))
            for key, value in reader.items("apps", {})
        },
        passthrough=tuple(board.text("passthrough", "").split()),
        runtimes=_runtimes(board),
    )
    board.done()
    reader.done()
    return config


def _runtimes(board: Reader) -> tuple[str, ...]:
    words = board.text("runtimes", XEN).split()
    if not words or set(words) - set(RUNTIMES):
        raise board.fail("runtimes", f"must be of {', '.join(RUNTIMES)}")
    return tuple(runtime for runtime in RUNTIMES if runtime in words)


def _name(key: str, where: str) -> AppName:
    return Reader({key: key}, f"{where}: apps", errors.BadConfig).name(key, AppName.parse)


def _app(reader: Reader) -> AppConfig:
    app = AppConfig(
        reader.text("remote", "", limit=1024), reader.text("branch", "main", limit=200),
        reader.text("address", "", limit=100), reader.text("page", "", limit=1024),
    )  # fmt: skip
    reader.done()
    plain = app.remote.isprintable() and app.branch.isprintable()  # no newline, no tab, no escape
    if not plain or app.remote.startswith("-") or app.branch.startswith("-"):
        raise errors.BadConfig(f"{reader.where}: remote and branch must be plain text that does not start with a dash")
    return app


def load(path: Path) -> AgentConfig:
    """Read the board's configuration. Raises errors.BadConfig, also when there is none."""
    raw = content(path)
    if raw is None:
        raise errors.BadConfig(f"{path} is missing: this board is not enrolled", hint="edgedeploy enrol HOST")
    if not raw:
        raise errors.BadConfig(f"{path} is empty (a power cut?): enrol this board again", hint="edgedeploy enrol HOST")
    return parse(raw, str(path))


def content(path: Path) -> bytes | None:
    """What the file says; nothing where a power cut left it empty or full of zeros, None where there is none."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    return raw if raw.strip(b"\0 \r\n") else b""


def render(config: AgentConfig) -> str:
    """The file's text, the inverse of `parse`."""
    lines = [
        "# Written by `edgedeploy enrol`; add a remote to let the board pull by itself.",
        "[board]",
        f'id = "{config.board_id}"',
        f'name = "{config.name}"',
        f'profile = "{config.profile}"',
    ]
    lines += [f'runtimes = "{" ".join(config.runtimes)}"'] if config.runtimes != (XEN,) else []
    lines += [f'passthrough = "{" ".join(config.passthrough)}"'] if config.passthrough else []
    for name, app in sorted(config.apps.items()):
        lines += ["", f"[apps.{name}]", f"remote = {_toml(app.remote)}", f"branch = {_toml(app.branch)}"]
        lines += [f"{key} = {_toml(said)}" for key, said in (("address", app.address), ("page", app.page)) if said]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
