"""`edgedeploy fetch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session

if TYPE_CHECKING:
    from pathlib import Path

@click.command(short_help="Bring an app's repository from a board to here.")
@options.app_argument
@click.argument("folder", required=False, type=options.FilePath(file_okay=False))
@options.on
@options.host
@options.interface
@options.way
@options.as_json
@options.pass_session
def fetch(
    session: Session,
    app: str | None,
    folder: Path | None,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Bring APP's deployment repository from a board to FOLDER (a new one is called like the app), as `git clone` would.

    For the second laptop, or the one after the lost one: what the latest release was made of comes with it, and can be
    edited and pushed. Where the repository is here already, the board's commits are fetched beside yours, to be merged.
    """
    from pathlib import Path  # noqa: PLC0415 - a page of help needs none

    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import fetch as flow  # noqa: PLC0415
    from edgedeploy.ui import fetched  # noqa: PLC0415

    name = target.app_name(session, app, board, host)
    place = folder or target.repository(session, app) or Path(name)
    wanted = target.wanted(session, board, host, name, place, target.Way(via, port, timeout))
    result = flow.fetch(wanted, name, place, target.context(session, interfaces, wanted))
    if as_json:
        options.emit_json(fetched.to_plain(result))
    else:
        click.echo(fetched.words(result))
