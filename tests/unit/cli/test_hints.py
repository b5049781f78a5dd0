"""Whatever the program tells a person to type is taken by the program."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from edgedeploy.core import errors
from tests import commandlines

PACKAGE = Path(commandlines.__file__).parents[1] / "edgedeploy"
TOLD = sorted(
    {(path.relative_to(PACKAGE).as_posix(), line) for path in PACKAGE.rglob("*.py") for _, line in commandlines.in_source(path)}
)


def test_there_are_as_many_as_one_would_think() -> None:
    assert len(TOLD) > 120
    assert ("flows/reach.py", "edgedeploy recover") in TOLD


@pytest.mark.parametrize(("module", "line"), TOLD)
def test_what_is_told_is_taken(module: str, line: str) -> None:
    assert commandlines.parsed(line).command.name


@pytest.mark.parametrize("line", ["edgedeploy psuh", "edgedeploy push --onn stage", "edgedeploy lab bord 1", "edgedeploy log a b"])
def test_what_is_not_taken_is_seen(line: str) -> None:
    with pytest.raises((click.UsageError, errors.UsageFault)):
        commandlines.parsed(line)
