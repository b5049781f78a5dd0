"""What is answered before click is imported: the version, and the first page of the help.

To import click takes four times as long as Python takes to start, and these two pages need none of it. They are click's to
the letter, whatever the width of the terminal: tests/unit/cli/test_quick.py compares. All else is click's affair.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgedeploy import __version__
from edgedeploy.cli import words

NARROWEST = 50
"""columns, as click has it"""

_OPTIONS = (
    ("--version", words.VERSION),
    ("-v, --verbose", words.VERBOSE),
    ("-q, --quiet", words.QUIET),
    ("-c, --config FILE", words.CONFIG),
    ("-h, --help", words.HELP),
)


def answer(argv: Sequence[str]) -> str | None:
    """What to print for this command line; None where that is not known here."""
    match list(argv):
        case ["--version"]:
            return f"{words.PROGRAM}, version {__version__}\n"
        case ["-h" | "--help"]:
            return page(_width())
        case _:
            return None


def page(width: int) -> str:
    """The help, in lines of at most `width` characters."""
    import textwrap  # noqa: PLC0415 - the version needs none

    parts = [f"Usage: {words.PROGRAM} [OPTIONS] [COMMAND] [ARGS]...\n"]
    for paragraph in words.ABOUT.strip().split("\n\n"):
        text = " ".join(paragraph.split())
        parts.append(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ") + "\n")
    parts.append(_section("Options", _OPTIONS, width))
    for title, entries in words.SECTIONS.items():
        parts.append(_section(title, [(name, summary) for name, (_, summary) in entries.items()], width))
    return "\n".join(parts)


def _width() -> int:
    import shutil  # noqa: PLC0415 - as above

    return max(min(shutil.get_terminal_size().columns, words.WIDEST) - 2, NARROWEST)


def _section(title: str, rows: Sequence[tuple[str, str]], width: int) -> str:
    import textwrap  # noqa: PLC0415 - as above

    column = max(len(name) for name, _ in rows) + 2
    lines = [f"{title}:"]
    for name, text in rows:
        first, *more = textwrap.wrap(text, width - column - 2)
        lines += [f"  {name:{column}}{first}", *(f"  {'':{column}}{line}" for line in more)]
    return "\n".join(lines) + "\n"
