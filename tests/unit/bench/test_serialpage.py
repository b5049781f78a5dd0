from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bench.conditions import CONDITIONS
from bench.course import Outcome
from bench.rivals import WAYS
from bench.serialpage import Cell, Results, Run, rate, render, targets
from bench.transfers import Transfer, transfer

GOOD = Outcome(0.97, "", 0.0, 0.0)
CLEAN, LOGS, XEN = (
    next(one for one in CONDITIONS if one.name.startswith(word)) for word in ("clean", "log line", "Xen's console")
)


def results(**shares: float) -> Results:
    found: Results = {}
    for condition in (CLEAN, LOGS, XEN):
        for up in (True, False):
            for key, share in ({"link": 0.97, "zmodem": 0.96} | shares).items():
                found[Cell(condition, up), key] = [replace(GOOD, share=share + step) for step in (0.001, -0.001, 0.0)]
    return found


def missed(found: Results) -> list[str]:
    return [one.words for one in targets(found) if not one.met]


def test_the_targets_are_those_of_each_line() -> None:
    assert missed(results()) == []
    assert missed(results(link=0.955)) == [
        "clean, 8 bits, up: at least ZMODEM's 96.0 %",
        "clean, 8 bits, down: at least ZMODEM's 96.0 %",
    ]
    assert len(missed(results(link=0.94, zmodem=0.5))) == 2  # a log line in 2 s, up and down
    assert "Xen's console, up: at least 84 %" in missed(results(link=0.83))
    assert not [words for words in missed(results(link=0.83)) if words.startswith("Xen's console, down")]


def test_one_wrong_run_of_ours_misses_two_targets() -> None:
    found = results()
    found[Cell(XEN, True), "link"][1] = Outcome(0.9, "wrong data", 0.0, 0.0)
    assert missed(found) == ["right data on every line, both ways", "Xen's console, up: at least 84 %"]


def test_a_cell_with_a_failed_run_has_no_rate() -> None:
    assert rate([]) is None
    assert rate([GOOD, replace(GOOD, fault="gave up")]) is None
    spread = rate([GOOD, replace(GOOD, share=0.9), replace(GOOD, share=0.95)])
    assert spread is not None
    assert (spread.middle, spread.least, spread.most) == pytest.approx((95.0, 90.0, 97.0))


def test_the_page_says_what_failed() -> None:
    found = results()
    found[Cell(LOGS, False), "zmodem"] = [GOOD, replace(GOOD, fault="gave up"), replace(GOOD, fault="too slow")]
    run = Run(1024, range(1, 4), [0.991, 0.999], [0.5, 1.5], 60.0)
    page = render(
        found, [way for way in WAYS if way.key in ("link", "zmodem")], run, datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert "| log line in 2 s | 97.0 (96.9 to 97.1) | failed 2 of 3: gave up, too slow |" in page
    assert "seeds 1 to 3" in page
    assert "99.1 to 99.9 %" in page


def test_a_transfer_tells_what_is_wrong_with_it() -> None:
    good = transfer(4)
    assert good.sent == good.got
    assert good.complaint == ""
    sent = (b"abcd", b"")
    assert Transfer(7, good.up, sent, (b"abXdEF", b"")).complaint == "seed 7: 3 bytes wrong, 0 lost; no rule broken"
    assert Transfer(7, good.up, sent, (b"ab", b"")).complaint == "seed 7: 0 bytes wrong, 2 lost; no rule broken"
    assert Transfer(7, good.up, sent, sent, ("it wrote",)).complaint == "seed 7: 0 bytes wrong, 0 lost; it wrote"


def test_a_reboot_in_between_loses_nothing() -> None:
    rebooted = [one for one in map(transfer, range(40)) if one.rebooted]
    assert len(rebooted) >= 2
    assert not [one.complaint for one in rebooted if one.complaint]
