"""The `edgedeploy` command: the table of commands, and the one place where the program ends."""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import click
from click.shell_completion import shell_complete

from edgedeploy import __version__
from edgedeploy.cli import failures
from edgedeploy.cli.group import Entry, LazyGroup
from edgedeploy.cli.options import Session, add_everywhere

PROGRAM = "edgedeploy"
COMPLETE = "_EDGEDEPLOY_COMPLETE"


def _at(name: str, summary: str) -> Entry:
    return Entry(f"edgedeploy.cli.{name}:{name}", summary)


SECTIONS = {
    "Daily": {
        "push": _at("push", "Put the latest release of an app on a board."),
        "status": _at("status", "Show what runs on a board."),
        "rollback": _at("rollback", "Go back to the previous release, or to a named one."),
        "log": _at("log", "Show the last deployments."),
        "recover": _at("recover", "Rescue a board by its serial cable."),
        "release": _at("release", "Make a release of a kernel and slides, and commit it."),
        "check": _at("check", "Prove that a kernel fits a board."),
    },
    "Set up": {
        "discover": _at("discover", "Find boards on the network."),
        "boards": _at("boards", "List the kinds of board that are known."),
        "enrol": _at("enrol", "Install the agent on a board and pin its keys."),
        "console": _at("console", "Be at a board's serial console, or at a guest's."),
        "init": _at("init", "Start a deployment repository."),
        "completion": _at("completion", "Print a shell's completion script."),
    },
    "The virtual board": {
        "lab": _at("lab", "Run a board with real Xen on this computer."),
    },
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    name=PROGRAM,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Put a talk, or any service, on a Xen ARM board.

    Every release is proven to fit before anything is touched, swapped in seconds, and rolled back by itself
    when it is not served. Exit codes: docs/exit-codes.md.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


add_everywhere(cli, root=True)


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code. Every error ends here."""
    session = Session(argv=tuple(argv))
    try:
        with cli.make_context(PROGRAM, list(argv), obj=session) as ctx:
            result = cli.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as request:
        return request.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last stop: all become words and a code
        return failures.conclude(error, session)
    # a command that reports a state (`check`, `status`) says it by returning its exit code
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def main() -> NoReturn:
    """Console entry point."""
    for stream in (sys.stdout, sys.stderr):
        # a name that the terminal's encoding lacks is shown as \\xNN, as `printable` does: it is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if instruction := os.environ.get(COMPLETE):
        sys.exit(shell_complete(cli, {}, PROGRAM, COMPLETE, instruction))
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
