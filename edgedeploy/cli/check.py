"""`edgedeploy check`: would this run on that kind of board? Touches no board."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from edgedeploy.cli import completing, options
from edgedeploy.cli.options import Session
from edgedeploy.core.errors import DoesNotFit, UsageFault

if TYPE_CHECKING:
    from pathlib import Path

GIC_VERSIONS = ("default", "v2", "v3", "2", "3")
"""core.release.GIC_VERSIONS, and the last two by their number alone"""


def _resolve(session: Session, target: str | None) -> Path:
    """The path that TARGET means. A word that is an app's name is that app, as for `push`, unless it is a file's."""
    from pathlib import Path  # noqa: PLC0415 - as above

    if target is None:
        return session.settings.resolve_app(None)
    if not target:
        raise UsageFault("TARGET is empty", hint="name a kernel file, an app or a deployment repository")
    # os.path, because Path's own questions raise on names that no file can have
    if (os.path.isdir(target) or not os.path.lexists(target)) and target in session.settings.known_apps():
        return session.settings.resolve_app(target)
    return Path(target)


def _only_kind(path: Path) -> str:
    """The kind of board that a repository is meant for."""
    kinds: tuple[str, ...] = ()
    if os.path.isdir(path):
        from edgedeploy.depot.repo import Depot  # noqa: PLC0415 - as above

        depot = Depot.open(path)
        kinds = depot.config.boards if depot.has_config else ()
    if len(kinds) == 1:
        return kinds[0]
    of = f"{path} is meant for {' and '.join(kinds)}" if kinds else "a fit is for a kind of board"
    some = kinds or _enrolled_kinds() or ("PROFILE",)
    others = f" (or {', '.join(some[1:])})" if some[1:] else ""
    raise UsageFault(f"which kind of board? {of}", hint=f"say which: --board {some[0]}{others}; `edgedeploy boards` lists them all")


def _enrolled_kinds() -> tuple[str, ...]:
    """Those of the boards that this laptop knows."""
    from edgedeploy.ports import folders  # noqa: PLC0415 - as above
    from edgedeploy.remote.known import KnownBoards  # noqa: PLC0415

    return tuple(dict.fromkeys(board.profile for board in KnownBoards(folders.state_dir()).all()))


@click.command(short_help="Prove that a kernel fits a board.")
@click.argument("target", required=False)
@click.option(
    "--board", metavar="PROFILE", shell_complete=completing.kinds,
    help="The kind of board: `edgedeploy boards` lists them; a repository's own where it names one.",
)  # fmt: skip
@click.option("--ramdisk", type=options.FilePath(), metavar="FILE", help="The ramdisk that goes with the kernel.")
@click.option("--memory", "memory_mb", type=click.IntRange(1, 1 << 20), metavar="MB", help="The guest's memory.")
@click.option("--vcpus", type=click.IntRange(1, 4096), metavar="N", help="The guest's virtual CPUs.")
@click.option(
    "--gic-version", type=click.Choice(GIC_VERSIONS, case_sensitive=False), metavar="V",
    help="The interrupt controller the guest is shown: v2, v3 or default (the board's own).",
)  # fmt: skip
@options.as_json
@options.pass_session
def check(
    session: Session,
    *,
    target: str | None,
    board: str | None,
    ramdisk: Path | None,
    memory_mb: int | None,
    vcpus: int | None,
    gic_version: str | None,
    as_json: bool,
) -> int:
    """Prove that TARGET fits a kind of board: a kernel file, packed or not, an app or a deployment repository.

    Without TARGET it is the repository you stand in. Exit code 0: it fits. 20: it does not, with every reason. 2: it cannot be read.
    """
    from edgedeploy.flows import check as flow  # noqa: PLC0415 - as above
    from edgedeploy.ui import check as show  # noqa: PLC0415

    version = f"v{gic_version}" if gic_version in ("2", "3") else gic_version
    path = _resolve(session, target)
    result = flow.check(flow.Request(path, board or _only_kind(path), ramdisk, memory_mb, vcpus, version))
    if path.is_dir():
        from edgedeploy.flows import uptodate  # noqa: PLC0415 - of a repository only
        from edgedeploy.ui import deployment  # noqa: PLC0415

        if (here := uptodate.here(path)) and here.changed:
            click.echo(deployment.unchecked(here), err=True)
    if as_json:
        options.emit_json(show.as_json(result))
        return 0 if result.fits else DoesNotFit.exit_code
    if not result.fits:
        raise result.refusal()
    show.verdict(result)
    return 0
