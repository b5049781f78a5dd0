"""Turns --on, --host and the rest into what the use cases take. Shared by every command that talks to a board."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from edgedeploy.cli.options import HostPort, Session, parse_host
from edgedeploy.core import errors, names
from edgedeploy.flows import adapters
from edgedeploy.flows.cable import fallback
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.context import Cables, Context
from edgedeploy.flows.find import Via, Wanted
from edgedeploy.ports import folders
from edgedeploy.remote.known import KnownBoards
from edgedeploy.wires.serial import ports

T = TypeVar("T")


def context(session: Session, interfaces: Sequence[str], wanted: Wanted | None = None) -> Context:
    """The real network, the real cables, the real registry, the person at the terminal.

    `wanted`: where either way will do, the network is not waited for so long when there is a cable, plugged in or named.
    """
    config = folders.config_dir()
    entries = session.settings.boards
    known = KnownBoards(folders.state_dir())

    def here() -> list[ports.Port]:
        return ports.here([entry.port for entry in entries.values()] + [board.serial for board in known.all()])

    cables = Cables(
        here=here,
        open=adapters.over_serial,
        password=lambda: ConsolePassword(
            lambda prompt: _held(session, lambda: secret(prompt)),
            lambda question: _held(session, lambda: agree(question)),
            session.report.warn,
        ),
        baud=adapters.baud_of,
        pins={name: entry.port for name, entry in entries.items() if entry.port},
        users={name: entry.console_user for name, entry in entries.items()},
    )
    return Context(
        browse=adapters.over_mdns(tuple(interfaces) or session.settings.interfaces),
        connect=adapters.over_ssh(config, lambda: hurries(wanted, cables)),
        known=known,
        choose=lambda question, choices: _held(session, lambda: choose(question, choices)),
        report=session.report,
        who=adapters.who_am_i(),
        config=config,
        cables=cables,
    )


def hurries(wanted: Wanted | None, cables: Cables) -> bool:
    """Whether there is a cable to fall back on."""
    return wanted is not None and wanted.via is Via.AUTO and fallback(wanted, cables)


def _held(session: Session, ask: Callable[[], T]) -> T:
    """Ask while nothing is drawn on the terminal."""
    with session.report.hold():
        return ask()


@dataclass(frozen=True, slots=True)
class Way:
    """What --via, --port and --timeout say; empty where they were not given."""

    via: str | None = None
    port: str | None = None
    timeout: float | None = None


def wanted(
    session: Session,
    board: str | None,
    host: HostPort | None,
    app: names.AppName | None,
    repository: Path | None = None,
    way: Way | None = None,
) -> Wanted:
    """Flag over configuration: --on, then the board that the app's configuration names, then the one that the
    repository went to the last time; --host, --via and --port, then [boards.NAME].
    """
    way = way or Way()
    on = board or (session.settings.board_for(repository) if repository else None)
    usual = _usual(repository) if repository and not on and not host else ""
    entry = session.settings.boards.get(names.BoardName(on)) if on else None
    via = way.via or (entry.via if entry and host is None else "") or Via.AUTO
    if host is None and entry and entry.host:
        host = parse_host(entry.host)
    return Wanted(
        app,
        str(on) if on else None,
        usual,
        host.host if host else None,
        host.port if host else None,
        Via(via),
        way.port or "",
        way.timeout,
    )


def _usual(repository: Path) -> str:
    from edgedeploy.depot import usual_board  # noqa: PLC0415 - GitPython costs 80 ms
    from edgedeploy.depot.git import Git  # noqa: PLC0415

    return usual_board.of(Git(repository)) if repository.is_dir() else ""


def choose(question: str, choices: Sequence[str]) -> int | None:
    """Ask at the terminal, by number or by the first word of a choice; None when there is none."""
    if not _somebody():
        return None
    click.echo(question, err=True)
    for number, choice in enumerate(choices, 1):
        click.echo(f"  {number}. {choice}", err=True)
    words = [choice.split()[0] for choice in choices]
    by_word = {word: index for index, word in enumerate(words) if words.count(word) == 1}
    answers = {str(number): number - 1 for number in range(1, len(choices) + 1)} | by_word

    def meant(text: str) -> int:
        if text.strip() not in answers:
            raise click.UsageError(
                f"{names.printable(text.strip(), 40)!r} is none of them: type 1 to {len(choices)}, or a name"
            )
        return answers[text.strip()]

    picked: int = click.prompt("number or name", value_proc=meant, err=True)
    return picked


def _somebody() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def secret(prompt: str) -> str | None:
    """A password, asked without echo; None when there is no terminal to ask at."""
    if not sys.stdin.isatty():
        return None
    answer: str = click.prompt(prompt.rstrip(": "), hide_input=True, err=True)
    return answer


def agree(question: str) -> bool:
    """Yes or no; no when there is no terminal to ask at."""
    return sys.stdin.isatty() and click.confirm(question, default=False, err=True)


def repository(session: Session, app: str | None) -> Path | None:
    """The repository that APP means, None where only its name is known."""
    try:
        return session.settings.resolve_app(app)
    except errors.UsageFault:
        return None


def app_name(
    session: Session, app: str | None, on: str | None = None, host: HostPort | None = None
) -> names.AppName:
    """The app that is meant, by name alone where no repository is at hand: a board knows its apps itself.

    Where none is named, and no repository is here, it is the only one that this laptop's boards have (`on`, `host`: that board).
    Raises UsageFault where there are several, or none.
    """
    from edgedeploy.depot.repo import Depot  # noqa: PLC0415 - GitPython costs 80 ms

    if app is not None and names.AppName.fits(app):
        kept = session.settings.apps.get(names.AppName(app))
        if kept is None or not kept.path.exists():  # its folder may have been on the laptop that was lost
            return Depot.open(Path(app)).app if _is_repository(app) else names.AppName(app)
    if app is None and session.settings.project is None:
        return _only_app(on, host)
    return Depot.open(session.settings.resolve_app(app)).app


def _is_repository(name: str) -> bool:
    """Whether it names a folder here, as `push` takes it: with a deployment repository, whatever its app is called."""
    return any((Path(name) / sign).exists() for sign in ("edgedeploy.toml", "xen/latest"))


def _only_app(on: str | None, host: HostPort | None) -> names.AppName:
    boards = [board for board in KnownBoards(folders.state_dir()).all() if on in (None, board.name, board.board_id)]
    boards = [board for board in boards if host is None or host.host in board.hosts]
    apps = sorted({app for board in boards for app in board.apps})
    if len(apps) == 1:
        return apps[0]
    raise errors.UsageFault(
        f"which app{f' of {len(apps)}' if apps else ''}? there is no deployment repository here",
        hint=f"name it: {click.get_current_context().command_path} {apps[0] if apps else 'APP'}"
        + ("" if apps else "   (`edgedeploy status` lists those of a board)"),
        details=tuple(apps),
    )
