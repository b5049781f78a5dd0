"""`edgedeploy recover`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors

if TYPE_CHECKING:
    from edgedeploy.flows.rescue.mends import Mend, Wish

TIMEOUT = 180.0
"""seconds until a shell on the board answers: a board that starts takes most of them"""


@click.command(short_help="Rescue a board by its serial cable.")
@click.option("--port", metavar="PORT", envvar="EDGEDEPLOY_PORT", help="The serial port, such as /dev/ttyUSB0.")
@click.option("--baud", metavar="N", type=click.IntRange(50, 4_000_000), help="The rate; 115200 if nothing says otherwise.")
@click.option("--board", "kind", metavar="KIND", help="The kind of board; its profile knows the rate.")
@click.option("--address", metavar="IP/LENGTH", help="Set this address by hand, such as 192.168.1.50/24.")
@click.option("--gateway", metavar="IP", help="And this gateway.")
@options.on
@options.interface
@options.yes
@options.dry_run
@options.as_json
@options.timeout
@options.pass_session
def recover(
    session: Session, port: str | None, baud: int | None, kind: str | None, address: str | None, gateway: str | None,
    board: str | None, interfaces: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, timeout: float | None,
) -> int:  # fmt: skip
    """Find out over the serial cable what is wrong with a board, mend what can be mended, and verify.

    Every mend is offered with what would be typed; --yes takes those that do no harm. Exits with 0 only when the board
    has proven over the network that it is reachable. An address set by hand lasts until the board restarts.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.core import names  # noqa: PLC0415
    from edgedeploy.flows import recover as flow  # noqa: PLC0415
    from edgedeploy.flows.rescue.cable import Cable  # noqa: PLC0415
    from edgedeploy.profiles import catalog  # noqa: PLC0415
    from edgedeploy.ui import recovery  # noqa: PLC0415

    request = flow.Request(board, names.ProfileName.parse(kind) if kind else None, _wish(address, gateway), dry_run)
    context = target.context(session, interfaces)
    assert context.cables
    cable = Cable(port, baud, kind, board, timeout or TIMEOUT, context, context.cables.password())
    result = flow.recover(request, flow.Tools(
        cable.console, cable.wire,
        confirm=lambda mend: _confirm(mend, yes=yes), address=lambda: None if yes else _ask_address(),
        show=lambda who, findings: None if as_json else click.echo(recovery.diagnosis(who, findings)),
        now=time.time, context=context, profiles=catalog.load_all(),
    ))  # fmt: skip
    if as_json:
        options.emit_json(recovery.as_json(result))
    else:
        click.echo(recovery.outcome(result))
    return result.exit_code


def _confirm(mend: Mend, *, yes: bool) -> bool:
    from edgedeploy.ui import recovery  # noqa: PLC0415

    if yes and mend.safe:
        return True
    if not sys.stdin.isatty():
        return False
    click.echo(recovery.offer(mend), err=True)
    if not mend.safe:
        click.echo("this may do harm: read the kernel's errors above first", err=True)
    while True:
        usual = "Y/n/?" if mend.safe else "y/N/?"
        said = click.prompt(f"Do it? [{usual}]", default="", show_default=False, err=True).strip().lower()
        if said in _ANSWERS:
            return _ANSWERS[said] if said else mend.safe
        click.echo(recovery.choices(mend), err=True)


_ANSWERS = {"": True, "y": True, "yes": True, "n": False, "no": False}


def _wish(address: str | None, gateway: str | None) -> Wish:
    import ipaddress  # noqa: PLC0415

    from edgedeploy.flows.rescue.mends import Wish  # noqa: PLC0415

    if gateway and not address:
        raise errors.UsageFault("--gateway needs --address", hint="such as --address 192.168.1.50/24")
    try:
        wanted = ipaddress.IPv4Interface(address) if address else None
        way = str(ipaddress.IPv4Address(gateway)) if gateway else ""
    except ValueError as error:
        raise errors.UsageFault(f"that is no address: {error}", hint="such as --address 192.168.1.50/24") from None
    if wanted is None:
        return Wish()
    if "/" not in str(address) or wanted.ip in (wanted.network.network_address, wanted.network.broadcast_address):
        raise errors.UsageFault(f"{address} is no machine's address with its network's length",
                                hint="such as --address 192.168.1.50/24")  # fmt: skip
    if way and (ipaddress.IPv4Address(way) not in wanted.network or way == str(wanted.ip)):
        raise errors.UsageFault(f"the gateway {way} is not in the network of {address}", hint="--gateway names its router")
    return Wish(wanted, way)


def _ask_address() -> Wish | None:
    """Which address to set by hand, at the terminal; nothing typed: none."""
    if not sys.stdin.isatty():
        return None
    while True:
        said = click.prompt("An address to set by hand, such as 192.168.1.50/24 (Enter: none)", default="",
                            show_default=False, err=True).strip()  # fmt: skip
        if not said:
            return None
        way = click.prompt("Its gateway (Enter: none)", default="", show_default=False, err=True).strip()
        try:
            return _wish(said, way or None)
        except errors.UsageFault as error:
            click.echo(f"{error.message}; {error.hint}", err=True)
