"""`edgedeploy status`."""

from __future__ import annotations

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session


@click.command(short_help="Show what runs on a board.")
@options.on
@options.host
@options.interface
@options.way
@options.as_json
@options.pass_session
def status(
    session: Session,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show what a board runs: what the hypervisor says, beside what the repository wants."""
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import ask  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    way = target.Way(via, port, timeout)
    wanted = target.wanted(session, board, host, None, session.settings.project, way)
    answer = ask.status(wanted, target.context(session, interfaces, wanted.via))
    assert answer.status is not None
    if as_json:
        options.emit_json({"board": answer.status.board, "apps": answer.status.apps})
    else:
        click.echo(deployment.status(answer))
