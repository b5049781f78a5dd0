"""`edgedeploy log`."""

from __future__ import annotations

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session


@click.command(short_help="Show the last deployments.")
@options.app_argument
@click.option("-n", "--count", metavar="N", type=click.IntRange(1, 50), default=10, show_default=True, help="How many.")
@options.on
@options.host
@options.interface
@options.way
@options.as_json
@options.pass_session
def log(
    session: Session,
    app: str | None,
    count: int,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show the last deployments of APP on a board: who, what, how long it was down, and why it failed."""
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import ask  # noqa: PLC0415
    from edgedeploy.ui import deployment, deploymentjson  # noqa: PLC0415

    name = target.app_name(session, app, board, host)
    way = target.Way(via, port, timeout)
    wanted = target.wanted(session, board, host, name, target.repository(session, app), way)
    found, records = ask.log(
        wanted,
        name,
        count,
        target.context(session, interfaces, wanted),
    )
    if as_json:
        options.emit_json([deploymentjson.of_record(record, name, found.name).to_plain() for record in records])
    else:
        click.echo(deployment.log(records, verbose=session.verbosity > 0))
