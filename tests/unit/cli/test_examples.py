"""Each command's help ends in lines that can be copied: there are some, and each of them is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgedeploy.cli import examples, words
from tests import commandlines

COMMANDS = [name for entries in words.SECTIONS.values() for name in entries]
LINES = [(name, line) for name, lines in examples.EXAMPLES.items() for line, _ in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_two_or_three(edgedeploy: Callable[..., tuple[int, str, str]], name: str) -> None:
    assert 2 <= len(examples.EXAMPLES[name]) <= 3
    _, shown, _ = edgedeploy(name, "--help")
    for line, says in examples.EXAMPLES[name]:
        assert f"  {line}\n" in shown
        assert says in shown
    for other in examples.SEE_ALSO.get(name, "").split(", "):
        assert other.split(" ")[0] in {*COMMANDS, ""}


@pytest.mark.parametrize(("name", "line"), LINES)
def test_every_line_is_taken(name: str, line: str) -> None:
    assert line.split()[:2] == [words.PROGRAM, name]
    assert commandlines.parsed(line).params


@pytest.mark.parametrize("name", COMMANDS)
def test_what_an_option_wants_is_named_in_a_persons_words(edgedeploy: Callable[..., tuple[int, str, str]], name: str) -> None:
    _, shown, _ = edgedeploy(name, "--help")
    assert not [word for word in ("TEXT", "INTEGER", "FLOAT", "PATH") if f" {word} " in shown]
