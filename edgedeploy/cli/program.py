"""The group of commands, and how one command line ends: in an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from edgedeploy import __version__
from edgedeploy.cli import words
from edgedeploy.cli.group import LazyGroup
from edgedeploy.cli.options import Session, add_everywhere


@click.group(
    cls=LazyGroup,
    sections=words.SECTIONS,
    name=words.PROGRAM,
    help=words.ABOUT,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": words.WIDEST},
)
@click.version_option(__version__, prog_name=words.PROGRAM, help=words.VERSION)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """See words.ABOUT."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


add_everywhere(cli, root=True)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code. Every error ends here."""
    session = Session(argv=tuple(argv))
    try:
        with cli.make_context(words.PROGRAM, list(argv), obj=session) as ctx:
            result = cli.invoke(ctx)
        sys.stdout.flush()
    except click.exceptions.Exit as request:
        return request.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last stop: all become words and a code
        from edgedeploy.cli import failures  # noqa: PLC0415 - only for what went wrong

        return failures.conclude(error, session)
    # a command that reports a state (`check`, `status`) says it by returning its exit code
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def heed_signals() -> None:
    """Have CI, a service manager or a closed terminal end this process as Ctrl-C does: with what is to be said and put back."""
    ending = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]

    def end(number: int, _frame: object) -> None:
        for other in ending:  # a closed terminal and the session's end send both: the second must not stop the clearing up
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in ending:
        signal.signal(number, end)


def complete(instruction: str) -> int:
    """Answer a shell that asks what a word may become, or for its completion script."""
    return shell_complete(cli, {}, words.PROGRAM, words.COMPLETE, instruction)
