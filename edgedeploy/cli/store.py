"""`edgedeploy store`: what CI runs after a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors

if TYPE_CHECKING:
    from pathlib import Path

    from edgedeploy.wires.gitssh.deploykey import DeployKey

_FILE = options.FilePath()


class _Lines(click.types.StringParamType):
    """Several in a variable are lines of it."""

    envvar_list_splitter = "\n"



@click.command(short_help="Put a build into a deployment repository: for CI.")
@click.argument("kernel", required=False, type=_FILE)
@click.option(
    "--to", "remote", metavar="REMOTE", required=True, envvar="EDGEDEPLOY_STORE_TO",
    help="The deployment repository: git@HOST:PATH, an address, or a folder.",
)  # fmt: skip
@click.option("--ramdisk", type=_FILE, metavar="FILE", help="The ramdisk that goes with the kernel.")
@click.option("--slides", type=_FILE, metavar="FOLDER", help="A folder to add to the ramdisk as /www.")
@click.option("--source", metavar="COMMIT", help="The commit that was built. [default: what is checked out here]")
@click.option("--branch", metavar="NAME", help="The branch to put it on. [default: the repository's own]")
@click.option(
    "--settings", type=_FILE, metavar="FILE", help="The app's settings. [default: edgedeploy.toml here, where there is one]"
)
@click.option(
    "--host-key", "host_keys", multiple=True, type=_Lines(), metavar="KEY", envvar="EDGEDEPLOY_DEPLOY_HOST_KEY",
    help="Trust only this host key: a fingerprint, a key, or a line of known_hosts; may be repeated.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Store even what does not fit, or lacks something.")
@options.dry_run
@options.as_json
@options.pass_session
def store(
    session: Session,
    *,
    kernel: Path | None,
    remote: str,
    ramdisk: Path | None,
    slides: Path | None,
    source: str | None,
    branch: str | None,
    settings: Path | None,
    host_keys: tuple[str, ...],
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a release of KERNEL and put it into a deployment repository, from where boards pull it.

    The repository is fetched, the release checked and committed, and pushed without force; when somebody else was quicker,
    once more. What is not given is taken from [build] in edgedeploy.toml. Nothing is stored when nothing changed, and nothing
    that does not fit the boards named there (exit code 20).

    EDGEDEPLOY_DEPLOY_KEY holds the private key that may write there (or its path); without it, git uses ssh as you do.
    """
    import time  # noqa: PLC0415 - a command pays for its own imports only

    from edgedeploy.flows import store as flow  # noqa: PLC0415
    from edgedeploy.ports import folders  # noqa: PLC0415
    from edgedeploy.ui import store as show  # noqa: PLC0415

    here = folders.here()
    if here is None:
        raise errors.UsageFault("the current folder is gone", hint="cd to one that is there")
    usual = here / "edgedeploy.toml"
    request = flow.Request(
        remote=remote,
        here=here,
        kernel=kernel and here / kernel,
        ramdisk=ramdisk and here / ramdisk,
        slides=slides and here / slides,
        settings=here / settings if settings else usual if folders.is_file(usual) else None,
        branch=branch,
        source=source,
        key=_key(),
        host_keys=host_keys,
        force=force,
        dry_run=dry_run,
    )
    result = flow.put(request, report=session.report, sleep=time.sleep)
    if as_json:
        options.emit_json(show.as_json(result))
    else:
        click.echo("\n".join(show.lines(result)))


def _key() -> DeployKey | None:
    """The deploy key, taken out of this process' environment: no program that we start is handed it."""
    import os  # noqa: PLC0415 - as above

    from edgedeploy.wires.gitssh import deploykey  # noqa: PLC0415

    value = os.environ.pop(deploykey.VARIABLE, "")
    return deploykey.DeployKey.given(value) if value.strip() else None
