"""A pytest plugin: counts what was run, tier by tier, and says so as it goes (`-p tests.tally`, by tests/run.py).

Dots say nothing when three thousand tests run on six workers; a line for each tier that is done, and one now and then in
between, do. What is counted goes to the file $EDGEDEPLOY_TALLY, where tests/run.py finds it also after a crash.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import tiers

BETWEEN_S = 30.0
"""seconds between two lines of a run in which no tier was done"""


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that talks counts; xdist's workers tell it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(config), "tally")


class Tally:
    """Counts reports as they come in, from this process or from the workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = self._told = time.monotonic()  # clock: says how long a run took, decides nothing
        self._expected: Counter[str] = Counter()
        self._all = 0
        self._ended: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._took: Counter[str] = Counter()
        self._tier_of: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All that will run, where there are no workers."""
        for item in session.items:
            self._tier_of[item.nodeid] = dict(item.user_properties).get("tier", "?")  # type: ignore[arg-type]  # ours are strings
        self._expected = Counter(self._tier_of.values())
        self._all = self._expected.total()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same from a worker; all of them collect the same tests."""
        self._all = len(ids)
        # a test's own marker is not known here: how many those tiers have is told at the end
        folders = {tier.folder: name for name, tier in tiers.TIERS.items() if not tier.explicit}
        found = (folders.get("/".join(name.split("/")[:2])) for name in ids)
        self._expected = Counter(tier for tier in found if tier)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dot for what is as it should be."""
        return (report.outcome if report.when == "call" else "", "", "") if report.passed else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count it; a line where this was the last of its tier."""
        tier = str(dict(report.user_properties).get("tier", "?"))
        self._took[report.nodeid] += report.duration  # type: ignore[assignment]  # a Counter of seconds
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[tier, report.outcome] += 1
        now = time.monotonic()  # clock: as above
        if report.when == "teardown":
            self._ended[tier] += 1
            if self._ended[tier] == self._expected[tier]:
                self._say(f"{tier}: {self._counts(tier)}, after {now - self._started:.0f} s")
            elif now - self._told > BETWEEN_S:
                self._say(f"… {self._ended.total()} of {self._all} after {now - self._started:.0f} s")

    def pytest_sessionfinish(self) -> None:
        """Leave what was counted where tests/run.py looks for it."""
        for tier in self._ended.keys() - self._expected.keys():
            self._say(f"{tier}: {self._counts(tier)}")
        if path := os.environ.get("EDGEDEPLOY_TALLY"):
            counts: dict[str, Any] = {tier: {} for tier, _ in self._outcomes}
            for (tier, outcome), number in self._outcomes.items():
                counts[tier][outcome] = number
            Path(path).write_text(json.dumps({"tiers": counts, "slowest": self._took.most_common(10)}))

    def _counts(self, tier: str) -> str:
        return ", ".join(f"{self._outcomes[tier, word]} {word}" for word in ("passed", "failed", "skipped"))

    def _say(self, line: str) -> None:
        self._told = time.monotonic()  # clock: as above
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(line)
