"""`edgedeploy ci`: from a push of the source to what a board pulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors

if TYPE_CHECKING:
    from pathlib import Path

    from edgedeploy.flows import ci as flow


@click.group(short_help="Have CI build, check and store.")
def ci() -> None:
    """Have CI build, check and store: `init` writes its files, `key` makes the key that it stores with."""


@ci.command()
@click.option("--github", "forge", flag_value="github", help="For GitHub: a workflow that calls the script.")
@click.option("--gitlab", "forge", flag_value="gitlab", help="For GitLab: a pipeline that calls the script.")
@click.option("--script", "forge", flag_value="script", help="The script alone, for any other CI.")
@click.option(
    "--build", "builds", multiple=True, metavar="TARGET=COMMAND",
    help="A target and how it is built, such as xen-armv7=make; may be repeated.",
)  # fmt: skip
@click.option("--test", metavar="COMMAND", default="", help="What tests a target once it is built.")
@click.option("--store", metavar="REMOTE", default="", help="The deployment repository: git@HOST:PATH.")
@click.option("--deploy", metavar="TARGET", help="The target that is stored. [default: xen-armv7, or the first]")
@click.option("--kernel", metavar="FILE", help="The file that its build makes. [default: [build] kernel]")
@click.option("--branch", metavar="NAME", help="Only what is pushed to it is stored. [default: main]")
@click.option("--host-key", "host_keys", multiple=True, metavar="KEY", help="The forge's host key or its fingerprint.")
@click.option("--app", metavar="APP", help="Write edgedeploy.toml for this app, where there is none.")
@click.option("--board", metavar="PROFILE", default="virtual-armv7", show_default=True, help="With --app: the kind of board.")
@click.option("--address", metavar="ADDR/BITS", help="With --app: the guest's address.")
@click.option("--gateway", metavar="ADDR", help="With --app: the guest's gateway.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@options.as_json
@options.pass_session
def init(
    session: Session,
    *,
    forge: str | None,
    builds: tuple[str, ...],
    test: str,
    store: str,
    deploy: str | None,
    kernel: str | None,
    branch: str | None,
    host_keys: tuple[str, ...],
    app: str | None,
    board: str,
    address: str | None,
    gateway: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write CI's own files into the source repository that you stand in, from [ci] in edgedeploy.toml.

    Where that has no [ci], it is made of --build, --store and the others, or of what you answer. The files build and test
    every target, check it for its boards, and store the one with deploy = true when its branch is pushed.
    """
    from edgedeploy.flows import ci as flow  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.flows import init as apps  # noqa: PLC0415
    from edgedeploy.ui import ci as show  # noqa: PLC0415

    here = _here()
    commands = dict(map(_build, builds))
    if len(commands) < len(builds):
        raise errors.UsageFault("a target is built twice", hint="one --build for each")
    wanted = flow.Wanted(commands, test, store, deploy, kernel, branch, host_keys)
    if wanted.says_nothing and session.can_ask() and flow.lacks_table(here):
        wanted = _asked()
    about = apps.Request(app, here, board, address, gateway) if app else None
    written = flow.write(flow.Request(here, forge, wanted, about, force), report=session.report)
    if as_json:
        options.emit_json(show.as_json(written))
    else:
        click.echo("\n".join(show.lines(written)))


@ci.command()
@click.argument("app", required=False)
@click.option("--show", is_flag=True, help="Print the private half on this terminal, too.")
@click.option("--public", is_flag=True, help="Print the public half alone.")
@click.option("--rotate", is_flag=True, help="Make a new pair.")
@options.as_json
@options.pass_session
def key(session: Session, *, app: str | None, show: bool, public: bool, rotate: bool, as_json: bool) -> None:
    """Make the key that CI stores with, and say which half goes where.

    The private half is printed to a pipe (edgedeploy ci key | gh secret set EDGEDEPLOY_DEPLOY_KEY), or with --show. APP is
    the one that edgedeploy.toml here is of.
    """
    import os  # noqa: PLC0415 - as above
    import stat  # noqa: PLC0415

    from edgedeploy.core.names import AppName  # noqa: PLC0415
    from edgedeploy.flows import ci_key  # noqa: PLC0415
    from edgedeploy.ports import folders  # noqa: PLC0415
    from edgedeploy.ui import ci as words  # noqa: PLC0415

    name = AppName.parse(app if app is not None else _app_here(session))
    to_pipe = stat.S_ISFIFO(os.fstat(1).st_mode) or stat.S_ISSOCK(os.fstat(1).st_mode)
    if to_pipe and os.environ.get("CI") and not (show or public or as_json):
        raise errors.UsageFault("this is CI: its log would keep the key", hint="make it on your own computer, or add --show")
    pair = ci_key.pair(folders.state_dir() / "deploy-keys", name, rotate=rotate)
    if as_json:
        options.emit_json(words.pair_as_json(pair, name, private=show))
        return
    if public:
        click.echo(pair.public)
        return
    click.echo("\n".join(words.where_to(pair, name)), err=True)
    if show or to_pipe:
        click.echo(pair.private, nl=False)


def _here() -> Path:
    from edgedeploy.ports import folders  # noqa: PLC0415 - as above

    here = folders.here()
    if here is None:
        raise errors.UsageFault("the current folder is gone", hint="cd to one that is there")
    return here


def _app_here(session: Session) -> str:
    if session.settings.project_app is None:
        raise errors.UsageFault("the key of which app? there is no edgedeploy.toml here", hint="edgedeploy ci key APP")
    return session.settings.project_app


def _build(text: str) -> tuple[str, str]:
    name, equals, command = text.partition("=")
    if not equals or not command.strip() or not _is_utf8(command):
        raise errors.UsageFault(f"{text!r} is not TARGET=COMMAND", hint="such as --build xen-armv7=make")
    return name, command


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _asked() -> flow.Wanted:
    """[ci], from who sits at the terminal. An empty answer leaves a target out."""
    from edgedeploy.flows import ci as flow  # noqa: PLC0415 - as above

    click.echo("edgedeploy.toml has no [ci] yet. An empty answer leaves a target out.", err=True)
    builds = {}
    for name in flow.TARGETS:
        command = _prompt(f"  what builds {name}")
        if command:
            builds[name] = command
    store = _prompt("  deployment repository (git@HOST:PATH; empty: nothing is stored)") if builds else ""
    kernel = _prompt("  the file that is stored (empty: [build] kernel)") if store else ""
    return flow.Wanted(builds, _prompt("  what tests it") if builds else "", store, kernel=kernel or None)


def _prompt(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, err=True)).strip()
