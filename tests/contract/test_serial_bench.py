"""The serial wire through the bench's worst line, in real time: real ttys, a real shell, two directions on two lines."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor

import pytest

from bench.conditions import CONDITIONS
from bench.course import carry
from tests import needs

pytestmark = pytest.mark.contract


def test_eight_kibibytes_arrive_while_all_is_wrong_at_once() -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        needs.require("the board's shell gets a /proc/sys of its own: that needs root")
    worst = next(one for one in CONDITIONS if one.name == "all at once")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        both = [pool.submit(carry, "link", worst, 8192, 1, up=up, patience=10.0) for up in (True, False)]
        for outcome in (one.result() for one in both):
            assert outcome.fault == ""
            assert 0 < outcome.share < 0.95, "how fast it was says the bench; but no faster than such a line can be"
