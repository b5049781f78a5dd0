"""Words that are no command: other tools' words mean ours, and a slip of the fingers is answered with what was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgedeploy.cli import words

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("typed", "meant"), words.ALIASES.items())
def test_other_tools_words_are_understood(edgedeploy: Run, typed: str, meant: str) -> None:
    (code, asked, _), (_, usual, _) = (edgedeploy(word, "--help") for word in (typed, meant))
    assert code == 0
    assert asked.splitlines()[1:] == usual.splitlines()[1:]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("psuh", "edgedeploy push"), ("enrole", "edgedeploy enrol"), ("log-s", "edgedeploy log"), ("version", "edgedeploy --version"),
     ("qqq", "edgedeploy --help")],
)  # fmt: skip
def test_what_was_meant_is_the_hint(edgedeploy: Run, typed: str, hint: str) -> None:
    assert edgedeploy(typed) == (2, "", f"edgedeploy: there is no command {typed!r}\nhint: {hint}\n")
