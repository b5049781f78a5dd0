"""`edgedeploy console`."""

from __future__ import annotations

import click
from click.core import ParameterSource

from edgedeploy.cli import options
from edgedeploy.cli.options import HostPort, Session
from edgedeploy.core import errors

_CABLE = {"baud": "--baud", "kind": "--board"}
_REACH = {"board": "--on", "host": "--host", "interfaces": "--interface", "via": "--via", "timeout": "--timeout"}


@click.command(short_help="Be at a board's serial console, or at a guest's.")
@options.app_argument
@options.on
@options.host
@options.interface
@options.way
@click.option("--baud", metavar="N", type=click.IntRange(50, 4_000_000), help="The rate; 115200 if nothing says otherwise.")
@click.option("--board", "kind", metavar="KIND", help="The kind of board; its profile knows the rate.")
@click.option("--log", "log", type=click.Path(dir_okay=False), help="Append what the board writes to this file.")
@options.pass_session
def console(
    session: Session,
    app: str | None,
    board: str | None,
    host: HostPort | None,
    interfaces: tuple[str, ...],
    via: str | None,
    port: str | None,
    timeout: float | None,
    baud: int | None,
    kind: str | None,
    log: str | None,
) -> None:
    """Be at a board's serial console, or at the console of APP's guest.

    Without APP: over a USB-serial cable. The only adapter is taken; where there are several, name one. With APP: what
    `xl console` shows on the board, over whatever way edgedeploy has to it; it follows the app from release to release.

    Ctrl-] then . leaves. Without a terminal, the input is sent and what comes is printed until it is quiet for a second.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import console as flow  # noqa: PLC0415

    if app is None:
        cable = "the board's serial console is at the end of the cable"
        _refuse(_REACH, cable, "a guest's console is named by its app: edgedeploy console APP")
        flow.console(port, flow.rate(baud, kind), log, session.report)
        return
    _refuse(_CABLE, f"the console of {app} is reached as a push reaches the board", f"leave it out: edgedeploy console {app}")
    name = target.app_name(session, app)
    way = target.Way(via, port, timeout)
    wanted = target.wanted(session, board, host, name, target.repository(session, app), way)
    flow.guest(wanted, name, log, target.context(session, interfaces, wanted))


def _refuse(options_of_the_other: dict[str, str], why: str, hint: str) -> None:
    """Raise UsageFault for what was typed and would mean nothing; an environment variable may well be set for the other."""
    context = click.get_current_context()
    for name, spelled in options_of_the_other.items():
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise errors.UsageFault(f"{spelled} means nothing here: {why}", hint=hint)
