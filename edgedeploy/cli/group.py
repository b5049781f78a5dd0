"""The command group: finds a command's module only when the command is used, and lists commands by occasion.

A command costs its own imports and no other's: `edgedeploy --help` loads neither paramiko nor GitPython.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem

from edgedeploy.cli import options
from edgedeploy.cli.words import ALIASES, Entry
from edgedeploy.core import errors

_FLAGS = {"version": "--version"}


def _ends_in_examples(command: click.Command, name: str) -> None:
    """The help of `command`; nothing but the help needs them."""

    def format_epilog(ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from edgedeploy.cli import examples  # noqa: PLC0415 - as above

        command.epilog = examples.epilog(name)
        click.Command.format_epilog(command, ctx, formatter)

    command.format_epilog = format_epilog  # type: ignore[method-assign]  # of this one object


class LazyGroup(click.Group):
    """A group whose commands are named in a table, section by section, in the order people meet them."""

    def __init__(self, *args: object, sections: Mapping[str, Mapping[str, Entry]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own keyword arguments, handed through
        self.sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the help's order."""
        return [name for entries in self.sections.values() for name in entries] + super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of `cmd_name`, or of what it is another word for, and return its command."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        entry = next((entries[cmd_name] for entries in self.sections.values() if cmd_name in entries), None)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry[0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        options.add_everywhere(command)
        _ends_in_examples(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; a word that is no command is answered with the one that is meant."""
        if (
            args
            and not args[0].startswith("-")
            and not ctx.resilient_parsing
            and self.get_command(ctx, args[0]) is None
        ):
            import difflib  # noqa: PLC0415 - for a slip of the fingers only

            known = [*self.list_commands(ctx), *ALIASES]
            near = difflib.get_close_matches(args[0], known, 1, 0.6)
            meant = ALIASES.get(near[0], near[0]) if near else _FLAGS.get(args[0], "--help")
            raise errors.UsageFault(f"there is no command {args[0]!r}", hint=f"edgedeploy {meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write one list per section."""
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, summary) for name, (_, summary) in entries.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table: a press of the tab key must not load every command."""
        named = [
            CompletionItem(name, help=summary)
            for entries in self.sections.values()
            for name, (_, summary) in entries.items()
            if name.startswith(incomplete)
        ]
        return named + click.Command.shell_complete(self, ctx, incomplete)
