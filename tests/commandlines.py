"""Command lines of edgedeploy as they stand in hints, help and docs: does the program take them?"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from edgedeploy.cli import words
from edgedeploy.cli.program import cli

_LINE = re.compile(rf"(?<![\w./-]){words.PROGRAM} (?P<rest>[a-z][^`\n;()|&#]*)")
_ENDS = re.compile(r"(?:, |: | {2}|(?<=\S)[,.:]+$).*")
"""where a sentence goes on after a command, or ends"""
SENTENCE = {"again", "agent", "cannot", "from", "is", "knows", "link", "mac", "reads", "sets", "speaks", "starts"}
"""words that follow the program's name where it is no command"""


def parsed(line: str) -> click.Context:
    """The innermost command's context. Raises click.UsageError or errors.UsageFault, as the program would say it."""
    program, *argv = shlex.split(line)
    assert program == words.PROGRAM, line
    command: click.Command = cli
    context = click.Context(cli, info_name=program, **cli.context_settings)
    while isinstance(command, click.Group):
        name, found, argv = command.resolve_command(context, argv)
        assert found, line
        command, context = found, click.Context(found, parent=context, info_name=name)
    return command.make_context(context.info_name, list(argv), parent=context.parent)


def demand_typed(said: str) -> None:
    """Fail where the program takes no command line that stands in a hint of what it has said."""
    for hint in re.findall(r"^hint: (.*)$", said, re.MULTILINE):
        for line in in_prose(hint):
            assert parsed(line).command.name, hint


def in_source(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and command line, from every text that a module can print; what is put in at run time is a 1."""
    source = path.read_text()
    if not _LINE.search(source):
        return
    nodes = list(ast.walk(ast.parse(source)))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts and id(node) not in docs:
            for line in in_prose(_text(node)):
                yield node.lineno, line


def in_page(path: Path) -> Iterator[str]:
    """Each command line in the code of a Markdown page, in a sentence or in a block of its own; a synopsis is none."""
    fenced = False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        typed = re.match(rf"(?:\$ )?(?:\w+=\S+ )*({words.PROGRAM} .*)", line)
        code = [typed[1]] if fenced and typed else [] if fenced else re.findall(r"`([^`]+)`", line)
        for text in code:
            if not set("[…\"'") & set(text) and "--help" not in text:
                yield from in_prose(text)


def in_prose(text: str) -> Iterator[str]:
    """Each command line in a text, without what the sentence goes on with."""
    for found in _LINE.finditer(text):
        line = f"{words.PROGRAM} {_ENDS.sub('', found['rest']).strip()}"
        if line.split()[1] not in SENTENCE:
            yield line


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    said = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        else:  # an argument with its own blank before it (ports.folders.typed), or one that stands where it is meant
            said += " 1" if said[-1:].isalnum() else "1"
    return said
