"""`edgedeploy lab`: a board with real Xen on this computer."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors
from edgedeploy.lab import cable as cables
from edgedeploy.lab import console as terminal
from edgedeploy.lab import image, machine, process, qemu, qmp, snapshot, tools
from edgedeploy.lab.machine import Hardware, Machine, Status, Tap, User
from edgedeploy.ports import folders

DEFAULT = "virtual"
_COMMAND = "edgedeploy.lab.command"


class WithCommand(click.Command):
    """A command whose line may end in `-- PROGRAM ARGS...`, with everything before it optional."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what follows `--` out before click sees it: otherwise it would fill NAME."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show it in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- PROGRAM ARGS...]"]


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in machine.made() if name.startswith(incomplete)]


def _usual() -> str:
    """The only board there is, where it is called something else than usual."""
    made = machine.made()
    return made[0] if len(made) == 1 else DEFAULT


_new = click.argument("name", default=DEFAULT, shell_complete=_complete)
_name = click.argument("name", default=_usual, shell_complete=_complete)


@click.group()
def lab() -> None:
    """Run a board with real Xen on this computer.

    An emulated ARM machine with Xen and Debian, reached through ports of 127.0.0.1. It needs no root. Boards are
    called NAME; without one it is the only one there is, or "virtual".
    """


@lab.command()
@_new
@click.option("--fresh", is_flag=True, help="Start with a new disk and new keys.")
@click.option("--tap", metavar="IFNAME", help="Use this tap device instead of QEMU's own network.")
@click.option("--durable", is_flag=True, help="Let the disk keep its promises when the power is cut (slower).")
@click.option(
    "--cpus", metavar="N", type=click.IntRange(1, 4), default=2, show_default=True, help="Give it so many cores."
)
@click.option("--bare", is_flag=True, help="Do not enrol it: a board as it comes from the shop.")
@options.timeout
@options.as_json
@options.pass_session
def up(
    session: Session,
    name: str,
    fresh: bool,
    tap: str | None,
    durable: bool,
    cpus: int,
    bare: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Boot a virtual board, and enrol it: `edgedeploy push` finds it.

    The first time this builds the board's disk from Debian packages (about 110 MB to download). A board that was
    taken down boots from the disk it had.
    """
    from edgedeploy.cli import target  # noqa: PLC0415 - paramiko and zeroconf, for this command only
    from edgedeploy.flows import lab as flow  # noqa: PLC0415
    from edgedeploy.profiles import catalog  # noqa: PLC0415

    def start() -> Machine:
        return machine.up(
            name,
            report=session.report,
            network=Tap(tap) if tap else User(),
            hardware=Hardware(durable=durable, cpus=cpus),
            fresh=fresh,
            timeout=timeout or machine.BOOT_SECONDS,
        )

    board = flow.up(start, target.context(session, ()), catalog.load_all(), bare=bare).machine
    if as_json:
        options.emit_json(_as_data(machine.status(board.name)))
    else:
        _describe(board)
        if bare:
            click.echo(f"  enrol    {flow.enrol_line(board)}")


@lab.command()
@click.argument("name", required=False, shell_complete=_complete)
@click.option("--all", "everything", is_flag=True, help="Every virtual board.")
@click.option("--graceful", is_flag=True, help="Shut its Linux down first.")
@click.option("--delete", is_flag=True, help="Forget its disk and keys too.")
@options.pass_session
def down(session: Session, name: str | None, everything: bool, graceful: bool, delete: bool) -> None:
    """Switch a virtual board off.

    As quick as pulling the plug, unless --graceful is given. Its disk stays for the next `lab up`.
    """
    if name and everything:
        raise errors.UsageFault("--all and a name are too much", hint="give one of them")
    from edgedeploy.flows import lab as flow  # noqa: PLC0415 - as above

    names = [known.name for known in machine.list_machines()] if everything else [name or _usual()]
    for each in names:
        was_up = flow.down(each, graceful=graceful, delete=delete)
        session.report.note(f"{each} {'is down' if was_up else 'was not up'}{', and is forgotten' if delete else ''}")


@lab.command()
@click.argument("name", required=False, shell_complete=_complete)
@options.as_json
def status(name: str | None, as_json: bool) -> None:
    """Show the virtual boards, or the one called NAME."""
    names = [name] if name else [known.name for known in machine.list_machines()]
    found = [machine.status(each) for each in names]
    if as_json:
        options.emit_json([_as_data(each) for each in found])
    elif not found:
        click.echo("no virtual board yet: edgedeploy lab up")
    for each in [] if as_json else found:
        click.echo(f"{each.machine.name}: {_state(each)}")
        if each.pid is not None:
            _describe(each.machine)


@lab.command(cls=WithCommand)
@_name
@click.pass_context
def ssh(ctx: click.Context, name: str) -> None:
    """Log in on a virtual board, or run a program there.

    `edgedeploy lab ssh -- xl list`
    """
    board = machine.load(name)
    if process.running(board.folder) is None:
        raise errors.BoardFault(f"{name} is off", hint=f"edgedeploy lab up {name}")
    tools.require(["ssh"])
    argv = board.ssh_argv(ctx.meta.get(_COMMAND, ()))
    sys.stdout.flush()
    os.execvpe(argv[0], argv, os.environ)  # noqa: S606  ssh wants the terminal for itself


@lab.command()
@_name
def console(name: str) -> None:
    """Open the serial console of a virtual board; Ctrl-] leaves it.

    Log in as root with the password "edgedeploy". Ctrl-O is the board's SysRq key, and three Ctrl-A hand the
    keyboard to Xen and back.
    """
    terminal.attach(machine.load(name).folder, name)


@lab.command()
@_name
@click.option(
    "--baud",
    metavar="N",
    type=click.IntRange(300, 4_000_000),
    default=cables.BAUD,
    show_default=True,
    help="The line's rate.",
)
@options.pass_session
def cable(session: Session, name: str, baud: int) -> None:
    """Plug a serial cable into a virtual board, until Ctrl-C pulls it.

    The board's console becomes a tty of this computer, as slow as a real line: to rehearse `edgedeploy recover` and
    `edgedeploy push --via serial`, whose --port it is.
    """
    board = machine.load(name)
    with cables.Cable(board.folder, name, baud) as plugged:
        click.echo(plugged.link)
        session.report.note(f"{name}'s console is {plugged.link} (now {plugged.device}); Ctrl-C pulls the cable")
        session.report.note("in another terminal:")
        session.report.note(f"  export EDGEDEPLOY_PORT={shlex.quote(str(plugged.link))}; edgedeploy recover")
        session.report.note(f"log in as {machine.CONSOLE_USER}, password {machine.CONSOLE_PASSWORD}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            while plugged.carry(1.0):
                pass
            session.report.warn(f"{name} is off")


@lab.command()
@_name
@options.pass_session
def unplug(session: Session, name: str) -> None:
    """Pull the network cable out of a virtual board; its serial cable stays."""
    qmp.set_link(machine.load(name).folder, up=False)
    session.report.note(f"{name} has no network now; back: edgedeploy lab plug{_again(name)}")


@lab.command()
@_name
@options.pass_session
def plug(session: Session, name: str) -> None:
    """Put the network cable of a virtual board back."""
    qmp.set_link(machine.load(name).folder, up=True)
    session.report.note(f"{name} has its network again")


@lab.command("snapshot")
@_name
@options.pass_session
def take_snapshot(session: Session, name: str) -> None:
    """Keep a running virtual board as it is now: `lab restore` goes back to it in seconds.

    One snapshot a board; a new one replaces it. The board goes on running.
    """
    from edgedeploy.flows import lab as flow  # noqa: PLC0415 - as above

    with session.report.step(f"keep {name} as it is"):
        kept = flow.kept(name, snapshot.save)
    session.report.note(f"kept, {snapshot.size(kept) / 1e6:.0f} MB; back to it: edgedeploy lab restore{_again(name)}")


@lab.command()
@_name
@options.timeout
@options.pass_session
def restore(session: Session, name: str, timeout: float | None) -> None:
    """Go back to the snapshot of a virtual board, whatever it has done since.

    Its disk, its memory and the guest that was running are as they were; its clock is set.
    """
    from edgedeploy.flows import lab as flow  # noqa: PLC0415 - as above

    flow.restored(lambda: snapshot.restore(name, report=session.report, timeout=timeout or machine.BOOT_SECONDS))
    session.report.note(f"{name} is as it was kept")


@lab.command()
@click.option("--fresh", is_flag=True, help="Build it even if it is there.")
@options.as_json
@options.pass_session
def build(session: Session, fresh: bool, as_json: bool) -> None:
    """Build the virtual board's image, and boot nothing."""
    built = image.ensure(session.report, fresh=fresh)
    files = {
        "disk": built.disk,
        "xen": built.xen,
        "kernel": built.genuine_kernel,
        "initrd": built.initrd,
        "guest_kernel": built.guest_kernel,
        "guest_base": built.guest_base,
    }
    if as_json:
        options.emit_json({"digest": built.digest, **{key: str(path) for key, path in files.items()}})
    else:
        click.echo(f"image {built.digest} in {_tidy(built.folder)}")


@lab.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="decks")
@options.pass_session
def talk(session: Session, folder: Path) -> None:
    """Start a deployment repository with the sample talk in FOLDER: slides to edit, and a guest that serves them."""
    from edgedeploy.flows import lab as flow  # noqa: PLC0415 - as above

    started = flow.talk(folder, session.report)
    click.echo(f"the sample talk is in {started.path}")
    click.echo(f"next: edgedeploy push {folder}")


@lab.command(hidden=True)
@_name
def announce(name: str) -> None:
    """Say on the loopback what board NAME says of itself, until it is off (what `lab up` starts)."""
    from edgedeploy.flows import announcing  # noqa: PLC0415 - as above

    announcing.run(machine.load(name))


def _as_data(found: Status) -> dict[str, Any]:
    return {**found.machine.as_dict(), "state": _state(found), "pid": found.pid}


def _state(found: Status) -> str:
    if found.pid is None:
        return "off"
    return "up" if found.answers else "booting"


def _describe(board: Machine) -> None:
    again = _again(board.name)
    width = len(f"edgedeploy lab console{again}")
    click.echo(f"  log in   {f'edgedeploy lab ssh{again}':{width}}  root@{board.host}, port {board.port}")
    click.echo(f"  console  edgedeploy lab console{again}  {machine.CONSOLE_USER}, password {machine.CONSOLE_PASSWORD}")
    for guest in qemu.WEB if board.forwards else ():
        click.echo(f"  guest    {guest.partition(':')[0]} is {board.url(guest)}")


def _again(name: str) -> str:
    return "" if name == DEFAULT else f" {name}"


def _tidy(path: Path) -> str:
    home = folders.expand("~")
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
