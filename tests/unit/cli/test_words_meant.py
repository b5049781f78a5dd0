"""Words that are no command: other tools' words mean ours, and a slip of the fingers is answered with what was meant."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from edgedeploy.cli import words
from edgedeploy.cli.program import cli
from edgedeploy.core import errors


@pytest.mark.parametrize(("typed", "meant"), words.ALIASES.items())
def test_other_tools_words_are_understood(typed: str, meant: str) -> None:
    asked, usual = (CliRunner().invoke(cli, [word, "--help"]) for word in (typed, meant))
    assert asked.exit_code == 0
    assert asked.output.splitlines()[1:] == usual.output.splitlines()[1:]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("psuh", "edgedeploy push"), ("enrole", "edgedeploy enrol"), ("log-s", "edgedeploy log"), ("version", "edgedeploy --version"),
     ("qqq", "edgedeploy --help")],
)  # fmt: skip
def test_what_was_meant_is_the_hint(typed: str, hint: str) -> None:
    failed = CliRunner().invoke(cli, [typed]).exception
    assert isinstance(failed, errors.UsageFault)
    assert (failed.message, failed.hint) == (f"there is no command {typed!r}", hint)
