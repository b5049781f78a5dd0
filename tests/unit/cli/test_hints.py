"""Whatever the program tells a person to type is taken by the program."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from edgedeploy.core import errors
from tests import commandlines

ROOT = Path(commandlines.__file__).parents[1]
PACKAGE = ROOT / "edgedeploy"
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").glob("*.md") if "performance" not in path.name)]
WRITTEN = sorted({(path.name, line) for path in PAGES for line in commandlines.in_page(path)})
TOLD = sorted(
    {(path.relative_to(PACKAGE).as_posix(), line) for path in PACKAGE.rglob("*.py") for _, line in commandlines.in_source(path)}
)


def test_there_are_as_many_as_one_would_think() -> None:
    assert len(TOLD) > 120
    assert ("flows/reach.py", "edgedeploy recover") in TOLD
    assert len(WRITTEN) > 60
    assert ("README.md", "edgedeploy push decks") in WRITTEN


@pytest.mark.parametrize(("module", "line"), TOLD)
def test_what_is_told_is_taken(module: str, line: str) -> None:
    assert commandlines.parsed(line).command.name


@pytest.mark.parametrize(("page", "line"), WRITTEN)
def test_what_the_docs_say_is_taken(page: str, line: str) -> None:
    assert commandlines.parsed(line).command.name


@pytest.mark.parametrize("line", ["edgedeploy psuh", "edgedeploy push --onn stage", "edgedeploy lab bord 1", "edgedeploy log a b"])
def test_what_is_not_taken_is_seen(line: str) -> None:
    with pytest.raises((click.UsageError, errors.UsageFault)):
        commandlines.parsed(line)
