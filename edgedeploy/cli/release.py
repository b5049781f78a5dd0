"""`edgedeploy release`: make a release and commit it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session

if TYPE_CHECKING:
    from pathlib import Path

_FILE = options.FilePath()


@click.command(short_help="Make a release of a kernel and slides, and commit it.")
@click.argument("kernel", required=False, type=_FILE)
@click.option("--ramdisk", type=_FILE, metavar="FILE", help="The ramdisk that goes with the kernel.")
@click.option("--slides", type=_FILE, metavar="FOLDER", help="A folder to add to the ramdisk as /www.")
@click.option("--codec", type=click.Choice(["xz", "bz2", "gz", "none"]), help="Pack like this, whatever it came as.")
@click.option("--id", "release_id", metavar="ID", help="The release's id. [default: date, time and content]")
@click.option("--repo", type=_FILE, metavar="FOLDER", help="The deployment repository. [default: the one you are in]")
@click.option("--runtime", type=click.Choice(["xen", "unix"]), help="Release it as a guest of Xen, or as a program, from now on.")
@click.option("--force", is_flag=True, help="Release even what does not fit, or lacks something.")
@options.as_json
@options.pass_session
def release(
    session: Session,
    *,
    kernel: Path | None,
    ramdisk: Path | None,
    slides: Path | None,
    codec: str | None,
    release_id: str | None,
    repo: Path | None,
    runtime: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a release of KERNEL, ramdisk and slides, and commit it. With --runtime unix, KERNEL is a program.

    What is not given is taken from [build] in edgedeploy.toml. Nothing is committed when nothing changed, and nothing
    that does not fit the boards named there (exit code 20).
    """
    from edgedeploy.core.names import ReleaseId  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.core.packing import Codec  # noqa: PLC0415
    from edgedeploy.flows import release as flow  # noqa: PLC0415
    from edgedeploy.ui import release as show  # noqa: PLC0415

    request = flow.Request(
        repository=repo or session.settings.resolve_app(None),
        kernel=kernel,
        ramdisk=ramdisk,
        slides=slides,
        codec=Codec(codec) if codec else None,
        release=ReleaseId.parse(release_id) if release_id is not None else None,
        force=force,
        runtime=runtime or "",
    )
    result = flow.make(request, report=session.report)
    if as_json:
        options.emit_json(show.as_json(result))
    else:
        click.echo("\n".join(show.lines(result)))
