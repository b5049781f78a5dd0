"""What a run of the tests prints while two of its halves go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import run, tally


def test_how_far_it_is_comes_at_once_and_the_rest_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    said = []

    def lines() -> Iterator[str]:
        yield "a red test's own words\n"
        yield f"FF{tally.MARK}unit: 3 passed\n"
        said.append(capsys.readouterr().out)
        yield "more of them\n"

    run.tell(lines())
    assert said == ["unit: 3 passed\n"]
    assert capsys.readouterr().out == "a red test's own words\nFFmore of them\n"
