"""What the audience of a change noticed, from its requests."""

from __future__ import annotations

from bench.audience import seen
from bench.prober import Asked


def asked(*ends: tuple[float, str]) -> list[Asked]:
    """Requests that took 10 ms each, but for those that hung."""
    return [Asked(end - (2.0 if mark == "hung" else 0.01), end, "" if mark in ("hung", "bad") else mark) for end, mark in ends]


def test_a_change_that_nobody_misses_has_no_outage() -> None:
    told = seen(asked((1.0, "old"), (1.05, "old"), (1.2, "new"), (1.25, "new"), (1.3, "new")), 0, 9)
    assert (told.asked, told.failed, told.outage, told.first_new) == (5, 0, 0.0, 1.2)
    assert round(told.gap_at_change, 3) == 0.15
    assert round(told.gap_elsewhere, 3) == 0.05


def test_an_outage_is_from_the_last_old_to_the_first_new_answer() -> None:
    told = seen(asked((1.0, "old"), (1.05, "bad"), (4.0, "hung"), (6.0, "bad"), (6.5, "new"), (7.0, "new")), 0, 9)
    assert (told.failed, told.hung, told.elsewhere, told.outage, told.gap_at_change) == (3, 1, 0, 5.5, 5.5)


def test_one_that_fails_elsewhere_is_counted_and_makes_no_outage() -> None:
    told = seen(asked((1.0, "bad"), (1.05, "old"), (1.1, "old"), (1.15, "new"), (3.0, "bad")), 0, 9)
    assert (told.failed, told.elsewhere, told.outage) == (2, 2, 0.0)


def test_what_was_under_way_at_the_change_and_hung_is_the_changes() -> None:
    ends = (1.0, "old"), (1.05, "old"), (1.2, "new"), (2.9, "hung"), (1.25, "new"), (4.9, "hung")
    told = seen(asked(*ends), 0, 9)
    assert (told.failed, told.hung, told.elsewhere) == (2, 2, 1), "0.9 to 2.9 spans it, 2.9 to 4.9 does not"


def test_where_nothing_is_to_change_all_waits_are_elsewhere() -> None:
    told = seen(asked((1.0, "old"), (2.5, "old"), (2.6, "old")), 0, 9)
    assert (told.first_new, told.gap_at_change, told.gap_elsewhere, told.outage) == (0.0, 0.0, 1.5, 0.0)


def test_what_was_asked_before_and_after_does_not_count() -> None:
    assert seen(asked((1.0, "bad"), (2.0, "old"), (9.0, "bad")), 1.5, 5).asked == 1
