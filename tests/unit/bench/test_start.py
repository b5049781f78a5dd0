from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import pytest

from bench import start
from bench.startpage import Cost, Row, render
from edgedeploy.core import errors

PASS = Row("`python -c pass`", (sys.executable, "-c", "pass"))
QUICK, SLOW = Row("quick", ("a",), target=3.5), Row("slow", ("b",), target=4.0)


def test_the_page_says_the_ratio_of_the_medians_and_what_is_missed() -> None:
    costs = [
        Cost(PASS, (0.010, 0.010, 0.9), 26, 38_900_000),
        Cost(QUICK, (0.001, 0.034, 0.034), 40, None),
        Cost(SLOW, (0.040, 0.041, 0.041), 50, 1_600_000),
    ]
    page = render({"Here": costs}, "a machine", datetime(2026, 11, 29, tzinfo=UTC))
    assert "## Here\n" in page
    assert "| quick | 3.40 | 34 (1 to 34) | 40 |  | 3.5 | yes |" in page
    assert "| slow | 4.10 | 41 (40 to 41) | 50 | 2 | 4 | **no** |" in page
    assert "3 rounds" in page


def test_modules_are_counted() -> None:
    more = Row("more", (sys.executable, "-c", "import tests.unit.bench"))
    assert start.modules(more, os.environ) > start.modules(PASS, os.environ) > 5


def test_what_does_not_end_as_it_should_is_not_measured() -> None:
    with pytest.raises(errors.BoardFault, match="ended with 3 and not with 0"):
        start.measure([Row("odd", (sys.executable, "-c", "raise SystemExit(3)"))], 3, os.environ)
