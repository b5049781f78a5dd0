"""`edgedeploy console`."""

from __future__ import annotations

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session


@click.command()
@click.option("--port", metavar="PORT", envvar="EDGEDEPLOY_PORT", help="The serial port, such as /dev/ttyUSB0.")
@click.option("--baud", type=click.IntRange(50, 4_000_000), help="The rate; 115200 if nothing says otherwise.")
@click.option("--board", "kind", metavar="KIND", help="The kind of board; its profile knows the rate.")
@click.option("--log", "log", type=click.Path(dir_okay=False), help="Append what the board writes to this file.")
@options.pass_session
def console(session: Session, port: str | None, baud: int | None, kind: str | None, log: str | None) -> None:
    """Be at a board's serial console, over a USB-serial cable.

    The only USB-serial adapter is taken; where there are several, name one. Ctrl-] then . leaves. Without a
    terminal, the input is sent and what the board writes is printed until it is quiet for a second.
    """
    from edgedeploy.flows import console as flow  # noqa: PLC0415 - a command pays for its own imports only

    flow.console(port, flow.rate(baud, kind), log, session.report)
