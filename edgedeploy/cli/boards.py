"""`edgedeploy boards`: the kinds of board that are known, those that work and those that never will."""

from __future__ import annotations

import click

from edgedeploy.cli import completing, options


@click.command(short_help="List the kinds of board that are known.")
@click.argument("name", required=False, shell_complete=completing.kinds)
@options.as_json
def boards(name: str | None, as_json: bool) -> None:
    """List the kinds of board that are known, or show the one called NAME.

    A profile of your own goes into boards/ in the user's configuration folder, or into $EDGEDEPLOY_BOARDS.
    """
    from edgedeploy.core import board  # noqa: PLC0415 - as above
    from edgedeploy.profiles import catalog  # noqa: PLC0415
    from edgedeploy.ui import boards as show  # noqa: PLC0415

    if name is not None:
        profile = catalog.load(name)
        if as_json:
            options.emit_json(board.to_plain(profile))
        else:
            show.detail(profile)
        return
    profiles = catalog.load_all()
    if as_json:
        options.emit_json([board.to_plain(profile) for profile in profiles])
    else:
        show.table(profiles)
