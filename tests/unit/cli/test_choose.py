"""The question which of several is meant."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from edgedeploy.cli import target

CHOICES = ("spare (cubieboard2) at 10.0.0.2", "stage (cubieboard2) at 10.0.0.1", "twin at 10.0.0.3", "twin at 10.0.0.4")


@pytest.mark.parametrize(
    ("typed", "index", "said"),
    [
        ("2\n", 1, ""),
        ("spare\n", 0, ""),
        ("\n \n2\n", 1, ""),
        ("sparse\n0\n5\nstage\n", 1, "'sparse' is none of them: type 1 to 4, or a name"),
        ("twin\n4\n", 3, "'twin' is none of them"),
    ],
)
def test_a_number_or_a_name_is_an_answer_and_anything_else_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, typed: str, index: int, said: str
) -> None:
    monkeypatch.setattr(target, "_somebody", lambda: True)
    with CliRunner().isolation(input=typed) as (_, err, _output):
        assert target.choose("Which one?", CHOICES) == index
        shown = err.getvalue().decode()
    assert "Which one?\n  1. spare (cubieboard2)" in shown
    assert said in shown
