"""Turns --on, --host and the rest into what the use cases take. Shared by every command that talks to a board."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from edgedeploy.cli.options import HostPort, Session, parse_host
from edgedeploy.core import errors, names
from edgedeploy.flows import kit as kits
from edgedeploy.flows.find import Wanted
from edgedeploy.ports import folders
from edgedeploy.remote.known import KnownBoards


def kit(session: Session, interfaces: Sequence[str]) -> kits.Kit:
    """The real network, the real registry, the person at the terminal."""
    config = folders.config_dir()
    return kits.Kit(
        browse=kits.over_mdns(tuple(interfaces) or session.settings.interfaces),
        connect=kits.over_ssh(config),
        known=KnownBoards(folders.state_dir()),
        choose=choose,
        report=session.report,
        who=kits.who_am_i(),
        config=config,
    )


def wanted(
    session: Session,
    board: str | None,
    host: HostPort | None,
    app: names.AppName | None,
    repository: Path | None = None,
) -> Wanted:
    """Flag over configuration: --on, then the board that the app's configuration names; --host, then [boards.NAME]."""
    on = board or (session.settings.board_for(repository) if repository else None)
    if host is None and on and on in session.settings.boards:
        host = parse_host(session.settings.boards[on].host)
    return Wanted(app, str(on) if on else None, host.host if host else None, host.port if host else None)


def choose(question: str, choices: Sequence[str]) -> int | None:
    """Ask at the terminal; None when there is none."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    click.echo(question, err=True)
    for number, choice in enumerate(choices, 1):
        click.echo(f"  {number}. {choice}", err=True)
    picked: int = click.prompt("number", type=click.IntRange(1, len(choices)), err=True)
    return picked - 1


def secret(prompt: str) -> str | None:
    """A password, asked without echo; None when there is no terminal to ask at."""
    if not sys.stdin.isatty():
        return None
    answer: str = click.prompt(prompt.rstrip(": "), hide_input=True, err=True)
    return answer


def repository(session: Session, app: str | None) -> Path | None:
    """The repository that APP means, None where only its name is known."""
    try:
        return session.settings.resolve_app(app)
    except errors.UsageFault:
        return None


def app_name(session: Session, app: str | None) -> names.AppName:
    """The app that is meant, by name alone where no repository is at hand: a board knows its apps itself."""
    from edgedeploy.depot.repo import Depot  # noqa: PLC0415 - GitPython costs 80 ms

    if app is not None and names.AppName.pattern.fullmatch(app) and app not in session.settings.apps:
        return names.AppName(app)
    return Depot.open(session.settings.resolve_app(app)).app
