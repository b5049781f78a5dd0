"""`edgedeploy status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session

if TYPE_CHECKING:
    from pathlib import Path

    from edgedeploy.flows.uptodate import Here


@click.command(short_help="Show what runs on a board.")
@options.app_argument
@options.on
@options.host
@options.interface
@options.way
@options.as_json
@options.pass_session
def status(
    session: Session,
    app: str | None,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show what a board runs, or APP alone: what the hypervisor says, beside what the repository wants.

    Without any of them, all boards that this laptop has enrolled. In a deployment repository it is the board that was
    pushed to, beside what has changed there and is not on it.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import ask, overview  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    way = target.Way(via, port, timeout)
    name = target.app_name(session, app) if app else None
    repository = target.repository(session, app) if app else session.settings.project
    wanted = target.wanted(session, board, host, name, repository, way)
    context = target.context(session, interfaces, wanted)
    if several := overview.boards(wanted, context.known.all()):
        states = overview.status(several, wanted, context)
        if as_json:
            options.emit_json(deployment.statuses_data(states))
        else:
            click.echo(deployment.statuses(states, _here(repository)))
        return
    answer = ask.status(wanted, context, name)
    assert answer.status is not None
    if as_json:
        options.emit_json({"board": answer.status.board, "apps": answer.status.apps})
    else:
        click.echo(deployment.status(answer, _here(repository)))


def _here(project: Path | None) -> Here | None:
    if project is None:
        return None
    from edgedeploy.flows import uptodate  # noqa: PLC0415 - GitPython, where there is a repository

    return uptodate.here(project)
