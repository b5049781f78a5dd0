"""`edgedeploy try`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session

if TYPE_CHECKING:
    from pathlib import Path

    from edgedeploy.flows.context import Context
    from edgedeploy.flows.tryout import Look, Try

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
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.core import errors  # noqa: PLC0415
    from edgedeploy.flows import tryout as flow  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415
    from edgedeploy.ui.tryout import invitation  # noqa: PLC0415

    context = target.context(session, ())
    with flow.up(folder, context, port) as at:
        pushed = flow.look(at)  # what is edited from here on is news
        try:
            click.echo(deployment.pushed(flow.once(at, context)))
        except errors.Interrupted:  # the board goes with this command
            raise errors.Interrupted("interrupted; nothing is left of the board that was to serve it") from None
        click.echo(f"\n{invitation(at)}")
        sys.stdout.flush()
        try:
            _push_changes(session, at, context, pushed)
        except KeyboardInterrupt:
            click.echo("\nended", err=True)


def _push_changes(session: Session, at: Try, context: Context, pushed: Look) -> None:
    """Until Ctrl-C, a line for each push."""
    import time  # noqa: PLC0415 - as above
    from dataclasses import replace  # noqa: PLC0415

    from edgedeploy.cli import failures  # noqa: PLC0415
    from edgedeploy.core import errors  # noqa: PLC0415
    from edgedeploy.flows import tryout as flow  # noqa: PLC0415
    from edgedeploy.ports.report import OnlyWarnings  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    # who edits wants to see what he does, and not each step once more: warnings and errors are told all the same
    quiet = context if session.verbosity > 0 else replace(context, report=OnlyWarnings(session.report.warn))

    def again() -> None:
        try:
            click.echo(f"{time.strftime('%H:%M:%S')} {deployment.pushed_again(flow.once(at, quiet))}")
        except errors.Interrupted:
            raise KeyboardInterrupt from None
        except (errors.EdgeError, OSError) as error:  # it is edited once more, and what was on air before is
            failures.conclude(error, session)

    def wait() -> bool:
        time.sleep(_LOOK_S)
        return True

    flow.watch(at, pushed, again, wait)
