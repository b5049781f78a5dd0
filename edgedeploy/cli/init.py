"""`edgedeploy init`: start a deployment repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="Start a deployment repository.")
@click.argument("app")
@click.option("--dir", "folder", type=options.AsPath(), metavar="FOLDER", help="Where. [default: ./APP]")
@click.option(
    "--board", metavar="PROFILE", help="The kind of board it is for. [default: virtual-armv7; with --runtime unix: unix-host]"
)
@click.option(
    "--runtime", type=click.Choice(["xen", "unix"]), default="xen", show_default=True, help="A guest of Xen, or a program."
)
@click.option("--address", metavar="ADDR/BITS", help="The guest's address, such as 192.168.1.20/24.")
@click.option("--gateway", metavar="ADDR", help="The guest's gateway.")
@click.option("--slides", is_flag=True, help="Start a folder of slides too.")
@click.option("--add", is_flag=True, help="Add our files to a git repository that is there.")
@options.as_json
@options.pass_session
def init(
    session: Session,
    *,
    app: str,
    folder: Path | None,
    board: str | None,
    runtime: str,
    address: str | None,
    gateway: str | None,
    slides: bool,
    add: bool,
    as_json: bool,
) -> None:
    """Start a deployment repository for APP: a git repository with edgedeploy.toml in it."""
    from pathlib import Path  # noqa: PLC0415 - a command pays for its own imports only

    from edgedeploy.flows import init as flow  # noqa: PLC0415

    board = board or ("unix-host" if runtime == "unix" else "virtual-armv7")
    request = flow.Request(app, folder or Path(app), board, address, gateway, slides, add, runtime)
    started = flow.start(request, report=session.report)
    if as_json:
        options.emit_json(
            {"app": started.app, "path": str(started.path), "commit": started.commit, "files": list(started.files)}
        )  # fmt: skip
        return
    click.echo(f"{started.path} is the deployment repository of {started.app}: {', '.join(started.files)}")
    made_of = "PROGRAM" if runtime == "unix" else "KERNEL --ramdisk FILE"
    click.echo(f"next     cd {started.path} && edgedeploy release {made_of}" + (" --slides slides" if slides else ""))
    if runtime == "unix":
        return
    click.echo("         no kernel and ramdisk of your own? `edgedeploy lab talk sample` puts some into sample/guest")
