"""`edgedeploy rollback`."""

from __future__ import annotations

import click

from edgedeploy.cli import completing, options
from edgedeploy.cli.options import HostPort, Session


@click.command(short_help="Go back to the previous release, or to a named one.")
@options.app_argument
@click.argument("release", required=False, shell_complete=completing.releases)
@options.on
@options.host
@options.interface
@options.way
@options.as_json
@options.pass_session
def rollback(
    session: Session,
    app: str | None,
    release: str | None,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Put the previous release of APP back on air, or RELEASE. It is proven like a push.

    What was on air is quarantined, so that cron does not bring it back; a new release, or push --retry, does.
    """
    from dataclasses import asdict  # noqa: PLC0415 - a command pays for its own imports only

    from edgedeploy.cli import target  # noqa: PLC0415
    from edgedeploy.core import names  # noqa: PLC0415
    from edgedeploy.flows import ask  # noqa: PLC0415
    from edgedeploy.ui import deployment, deploymentjson  # noqa: PLC0415

    name = target.app_name(session, app, board, host)
    to = names.ReleaseId.parse(release) if release else None
    way = target.Way(via, port, timeout)
    wanted = target.wanted(session, board, host, name, target.repository(session, app), way)
    context = target.context(session, interfaces, wanted)
    found, outcome = ask.rollback(wanted, name, to, context)
    if as_json:
        options.emit_json(deploymentjson.of_outcome(asdict(outcome), name, found.name).to_plain())
    else:
        click.echo(deployment.rolled_back(found, outcome, name, others=len(context.known.all()) > 1))
