"""`edgedeploy remove`."""

from __future__ import annotations

import click

from edgedeploy.cli import completing, options
from edgedeploy.cli.options import HostPort, Session


@click.command(short_help="Take an app off a board.")
@click.argument("app", shell_complete=completing.apps)
@options.on
@options.host
@options.interface
@options.way
@click.option("--without-copy", is_flag=True, help="Also where this laptop does not have the commits that are on the board.")
@options.dry_run
@options.yes
@options.as_json
@options.pass_session
def remove(
    session: Session,
    app: str,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    without_copy: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take APP off a board: its guest, its schedule, its releases, its log and the board's copy of its repository.

    Your own repository stays as it is, and a push puts the app back; what only the board has is lost.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.depot import pushed_from  # noqa: PLC0415
    from edgedeploy.flows import remove as flow  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    name = target.app_name(session, app)
    way = target.Way(via, port, timeout)
    repository = target.repository(session, app) or pushed_from.folder(name)
    wanted = target.wanted(session, board, host, name, repository, way)

    def agreed(question: str) -> None:
        with session.report.hold():
            session.confirm(question, yes=yes)

    asks = session.can_ask() and not yes
    request = flow.Request(wanted, name, repository, agreed, asks, dry_run, without_copy)
    result = flow.remove(request, target.context(session, interfaces, wanted))
    if as_json:
        said = {"app": name, "board": result.board, "dry_run": dry_run, "release": result.release or None}
        options.emit_json({**said, "changes": list(result.changes)})
    else:
        click.echo(deployment.removed(result, dry_run=dry_run))
