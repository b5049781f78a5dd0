"""`edgedeploy enrol`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import completing, options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors

if TYPE_CHECKING:
    from edgedeploy.core import names


@click.command(short_help="Install the agent on a board and pin its keys.")
@click.argument("where", metavar="[USER@]HOST[:PORT]", required=False, shell_complete=completing.boards)
@click.option(
    "--profile",
    metavar="PROFILE",
    shell_complete=completing.kinds,
    help="What kind of board it is; recognised by its device tree where that is known.",
)
@click.option("--name", metavar="NAME", help="What to call it; its host name by default.")
@click.option(
    "--pull", "pulls", multiple=True, metavar="APP=REMOTE", help="An app that the board pulls by itself, by cron."
)
@click.option("--address", metavar="IP", help="With --pull: where its guest answers, if its repository does not say.")
@click.option("--health", metavar="[:PORT]/PATH", help="With --address: the page that must be there; / by default.")
@click.option(
    "-i", "--identity", type=click.Path(exists=True, dir_okay=False), help="Log in with this private key only."
)
@click.option(
    "--known-hosts", type=click.Path(dir_okay=False), help="Trust the host keys in this file instead of yours."
)
@click.option(
    "--runtime", "runtimes", type=click.Choice(["xen", "unix"]), multiple=True,
    help="What it starts: guests of Xen, programs, or both (given twice). Without it as it is; Xen at first.",
)
@click.option(
    "--keep", is_flag=True, help="Leave the original MirageOS scripts in service there; both will deploy."
)
@options.dry_run
@options.as_json
@options.pass_session
def enrol(
    session: Session,
    where: str | None,
    profile: str | None,
    name: str | None,
    pulls: tuple[str, ...],
    address: str | None,
    health: str | None,
    identity: str | None,
    known_hosts: str | None,
    runtimes: tuple[str, ...],
    keep: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Install the agent on a board and pin its keys, over the SSH access you have (root, or a user with sudo).

    HOST may be the name of a board that is enrolled; without it the one that is: its agent is brought up to date.
    Safe to repeat: what is in place stays, and it says what it changed. Afterwards this laptop holds a key that can do
    nothing on the board but talk to the agent.
    """
    from dataclasses import asdict  # noqa: PLC0415 - a command pays for its own imports only

    from edgedeploy.cli import enrolling, target  # noqa: PLC0415
    from edgedeploy.core import names  # noqa: PLC0415
    from edgedeploy.core.release import RUNTIMES  # noqa: PLC0415
    from edgedeploy.flows import enrol as flow  # noqa: PLC0415
    from edgedeploy.ui import deployment  # noqa: PLC0415

    apps = dict(_pull(pull) for pull in pulls)
    context = target.context(session, ())
    hosts, port, user = enrolling.meant(where, context.known.all())
    request = flow.Request(
        profile=names.ProfileName.parse(profile) if profile else None,
        name=names.BoardName.parse(name) if name else None,
        apps=apps,
        asked=_asked(apps, address, health),
        dry_run=dry_run,
        keep=keep,
        runtimes=tuple(runtime for runtime in RUNTIMES if runtime in runtimes),
    )
    result = enrolling.enrol_host(hosts, port, user, request, context, identity, known_hosts)
    if as_json:
        options.emit_json(asdict(result))
    else:
        click.echo(deployment.enrolled(result, others=len(context.known.all()) > 1))


def _pull(text: str) -> tuple[names.AppName, str]:
    from edgedeploy.core import names  # noqa: PLC0415 - as above

    app, equals, remote = text.partition("=")
    if not equals or not remote:
        raise errors.UsageFault(
            f"{text!r} is not APP=REMOTE", hint="such as --pull decks=https://example.org/decks.git"
        )
    return names.AppName.parse(app), remote


def _asked(
    apps: dict[names.AppName, str], address: str | None, page: str | None
) -> dict[names.AppName, tuple[str, str]]:
    from edgedeploy.core.health import told  # noqa: PLC0415 - as above

    if address is None and page is None:
        return {}
    if len(apps) != 1 or address is None:
        raise errors.UsageFault(
            "--address and --health are about the one app of --pull",
            hint="such as --pull decks=https://example.org/decks.git --address 192.168.1.20 --health /index.html",
        )
    told(address, page or "")
    return dict.fromkeys(apps, (address, page or ""))
