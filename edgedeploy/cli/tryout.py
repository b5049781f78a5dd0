"""`edgedeploy try`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_S = 0.5
"""how often it is looked whether something was changed"""


@click.command("try", short_help="See a talk served by this computer, without a board.")
@click.argument("folder", required=False, type=options.AsPath(), metavar="[FOLDER]")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Where to serve it. [default: 8080, or a free one]")
@options.pass_session
def tryout(session: Session, folder: Path | None, port: int | None) -> None:
    """Put the slides in FOLDER, or a sample talk, on a board that is this computer, and push each change, until Ctrl-C.

    The agent and the push are those of every board, and the release runs as a process of yours. From another terminal
    status, log and rollback reach it, too. Nothing is left behind.
    """
    import time  # noqa: PLC0415 - a command pays for its own imports only

    from edgedeploy.cli import failures, target  # noqa: PLC0415
    from edgedeploy.core import errors  # noqa: PLC0415
    from edgedeploy.flows import tryout as flow  # noqa: PLC0415
    from edgedeploy.ports.folders import word  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    context = target.context(session, ())

    def wait() -> bool:
        time.sleep(_LOOK_S)
        return True

    with flow.up(folder, context, port) as at:
        def again() -> None:
            try:
                click.echo(deployment.pushed(flow.once(at, context)))
            except errors.EdgeError as error:  # what was edited is wrong: it is edited again, and the talk is on air
                failures.conclude(error, session)

        click.echo(deployment.pushed(flow.once(at, context)))
        click.echo(
            f"\nedit {word(at.slides / 'index.html')} and save: it is pushed\n"
            f"in another terminal: edgedeploy status --on {at.board.name}   edgedeploy rollback {at.app} --on {at.board.name}\n"
            "Ctrl-C ends it and leaves nothing behind"
        )
        sys.stdout.flush()
        try:
            flow.watch(at, again, wait)
        except KeyboardInterrupt:
            click.echo("", err=True)
