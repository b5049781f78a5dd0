"""What the shell offers behind TAB: never an error, never a question to the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from edgedeploy.cli.settings import Settings
    from edgedeploy.remote.known import KnownBoard


def apps(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Apps of the configuration, and those that boards had when they last answered; folders, too."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - the command itself needs none

    known = {app for board in _enrolled() for app in board.apps}
    # the folders first: bash forgets what came before them
    return [CompletionItem(incomplete, type="dir"), *map(CompletionItem, _fitting({*_settings(ctx).apps, *known}, incomplete))]


def boards(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Boards of the configuration, and those that are enrolled."""
    return _fitting({*_settings(ctx).boards, *(board.name for board in _enrolled())}, incomplete)


def kinds(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Kinds of board."""
    from edgedeploy.profiles import catalog  # noqa: PLC0415 - as above

    return _fitting(catalog.available(), incomplete)


def releases(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Releases in the repository of the app that was typed before, or of the one here; the newest first."""
    found: list[str] = []
    with contextlib.suppress(Exception):  # a TAB must not end in a traceback
        made = (_repository(ctx) / "xen").glob("*/manifest.json")
        found = _fitting((path.parent.name for path in made), incomplete)
    return found[::-1]


def _repository(ctx: click.Context) -> Path:
    from edgedeploy.core import errors  # noqa: PLC0415 - as above
    from edgedeploy.depot import pushed_from  # noqa: PLC0415

    app = ctx.params.get("app")
    try:
        return _settings(ctx).resolve_app(app)
    except errors.UsageFault:
        if (there := pushed_from.folder(str(app))) is None:
            raise
        return there


def ports(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Serial ports that are plugged in."""
    found: list[str] = []
    with contextlib.suppress(Exception):  # as above
        from edgedeploy.wires.serial import ports as serial  # noqa: PLC0415 - only for this TAB

        found = [port.device for port in serial.here(())]
    return _fitting(found, incomplete)


def _enrolled() -> Iterator[KnownBoard]:
    with contextlib.suppress(Exception):  # as above: a damaged file is told by the command
        from edgedeploy.ports import folders  # noqa: PLC0415 - as above
        from edgedeploy.remote.known import KnownBoards  # noqa: PLC0415

        yield from KnownBoards(folders.state_dir()).all()


def _fitting(words: Iterable[str], incomplete: str) -> list[str]:
    return sorted(word for word in words if word.startswith(incomplete))


def _settings(ctx: click.Context) -> Settings:
    from edgedeploy.cli import settings  # noqa: PLC0415 - as above

    return settings.load_quietly(getattr(ctx.obj, "config", None))
