"""The man pages, from what --help says: `python -m edgedeploy.cli.manpages --write docs/man`; a test compares.

One page for the program and one for each command, as git has them; a group's own commands stand on its page. The wheel
installs them below share/man/man1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from edgedeploy.cli import examples, words
from edgedeploy.cli.program import cli

_SECTION = "1"
_EVERYWHERE = frozenset({"--verbose", "--quiet", "--config", "--help"})


def pages() -> dict[str, str]:
    """File name -> roff (man(7))."""
    root = click.Context(cli, info_name=words.PROGRAM, **cli.context_settings)
    found = {
        f"{words.PROGRAM}.{_SECTION}": _page(root, _overview(root), "put a talk, or any service, on a Xen ARM board")
    }
    for entries in words.SECTIONS.values():
        for name, (_, summary) in entries.items():
            context = _context(root, name)
            found[f"{words.PROGRAM}-{name}.{_SECTION}"] = _page(context, _command(context), summary)
    return found


def _page(context: click.Context, body: Iterator[str], summary: str) -> str:
    name = context.command_path.replace(" ", "-")
    title = f'.TH {name.upper()} {_SECTION} "" "{words.PROGRAM}" "User commands"'
    lines = [
        title,
        ".SH NAME",
        f"{_plain(name)} \\- {_plain(summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        *_usage(context),
        *body,
    ]
    return "\n".join(lines) + "\n"


def _overview(root: click.Context) -> Iterator[str]:
    yield ".SH DESCRIPTION"
    yield from _prose(words.ABOUT)
    yield from _options(root)
    for title, entries in words.SECTIONS.items():
        yield f".SH {title.upper()}"
        for name, (_, summary) in entries.items():
            yield from (".TP", f".BR {_plain(f'{words.PROGRAM}-{name}')} ({_SECTION})", _plain(summary))


def _command(context: click.Context) -> Iterator[str]:
    yield ".SH DESCRIPTION"
    yield from _prose(context.command.help or "")
    yield from _options(context)
    if isinstance(context.command, click.Group):
        yield ".SH COMMANDS"
        for name in context.command.list_commands(context):
            inner = _context(context, name)
            if not inner.command.hidden:
                yield from (f".SS {_plain(name)}", *_usage(inner), ".PP", *_prose(inner.command.help or ""))
                yield from _rows(inner, leaving_out=_EVERYWHERE)
    name = str(context.info_name)
    if lines := examples.EXAMPLES.get(name):
        yield ".SH EXAMPLES"
        for line, says in lines:
            yield from (".TP", f"\\fB{_plain(line)}\\fR", _plain(says))
    if also := examples.SEE_ALSO.get(name):
        yield ".SH SEE ALSO"
        pages = [f"{words.PROGRAM}-{other.split(' ')[0]}" for other in also.split(", ")]
        *first, last = (f".BR {_plain(page)} ({_SECTION})" for page in dict.fromkeys(pages))
        yield from (*(f"{line} ," for line in first), last)


def _options(context: click.Context) -> Iterator[str]:
    rows = [*_rows(context)]
    if rows:
        yield from (".SH OPTIONS", *rows)


def _rows(context: click.Context, leaving_out: frozenset[str] = frozenset()) -> Iterator[str]:
    for param in context.command.get_params(context):
        if leaving_out & {*param.opts}:
            continue
        record = param.get_help_record(context) if isinstance(param, click.Option) else None
        if record:
            yield from (".TP", f"\\fB{_plain(record[0])}\\fR", _plain(" ".join(record[1].split())))


def _usage(context: click.Context) -> Iterator[str]:
    yield f".B {_plain(context.command_path)}"
    yield _plain(" ".join(context.command.collect_usage_pieces(context)))


def _prose(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.replace("\b", "").strip())):
        if number:
            yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _plain(text: str) -> str:
    """Text that roff takes as it is: no escapes, no hyphens that it would make dashes of, no line that is a request."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe


def _context(parent: click.Context, name: str) -> click.Context:
    assert isinstance(parent.command, click.Group)
    command = parent.command.get_command(parent, name)
    assert command
    return click.Context(command, parent=parent, info_name=name)


def write(folder: Path) -> None:
    """Make the folder hold the pages, and nothing else."""
    made = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"] or len(sys.argv) != 3:
        sys.exit("usage: python -m edgedeploy.cli.manpages --write FOLDER")
    write(Path(sys.argv[2]))
