"""The tier "search": fuzz every target for some seconds. EDGEDEPLOY_FUZZ_SECONDS is for all together.

It may find something new in any run, so it is no part of `make test`; what it finds is kept in tests/fuzz/corpus.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.fuzz import child, engine
from tests.fuzz.target import Target

pytestmark = pytest.mark.search
SECONDS = int(os.environ.get("EDGEDEPLOY_FUZZ_SECONDS", "30"))
FLOOR = 100
"""Runs in its share of the time; the slowest target makes some 800 a second on a laptop's core."""
ALL = child.targets()
# what there are wheels for; pyproject.toml has the same as an environment marker
WHEELS = (sys.platform, platform.machine()) == ("linux", "x86_64") and (3, 11) <= sys.version_info[:2] <= (3, 13)


@pytest.fixture
def atheris() -> None:
    if importlib.util.find_spec("atheris"):
        return
    if not WHEELS and not needs.must_run():
        machine = f"{sys.platform} {platform.machine()}, Python {platform.python_version()}"
        pytest.skip(f"NOT FUZZED HERE: atheris is for Linux on x86-64 with CPython 3.11 to 3.13, this is {machine}")
    needs.require("atheris is not installed (pip install -e '.[dev]')")


@pytest.mark.parametrize("target", ALL.values(), ids=ALL)
@pytest.mark.usefixtures("atheris")
def test_nothing_breaks_it(target: Target) -> None:
    seconds = max(SECONDS * target.share // sum(one.share for one in ALL.values()), 1)
    run = engine.fuzz(target, seconds)
    if run.status:
        pytest.fail(run.failure(), pytrace=False)
    assert run.executions >= len(target.seeds()) + FLOOR, run.failure()
    assert run.features[0] > 0, "the seeds reached no instrumented code"
    assert run.features[1] > run.features[0], f"the fuzzer found nothing that the seeds had not reached: {run.line()}"


@pytest.mark.usefixtures("atheris")
def test_a_planted_fault_is_found_and_can_be_replayed(tmp_path: Path) -> None:
    run = engine.fuzz(child.targets("tests.fuzz.planted")["planted"], 60, found=tmp_path)
    assert run.status != 0
    assert run.crash is not None
    assert run.crash.read_bytes()[:3] == b"KLS"
    assert "the planted fault" in run.failure()
    assert f"-m tests.fuzz planted {run.crash}" in run.failure()
    again = [sys.executable, "-m", "tests.fuzz", "planted", str(run.crash)]
    replayed = subprocess.run(again, cwd=engine.ROOT, capture_output=True, text=True, check=False)
    assert replayed.returncode != 0
    assert "the planted fault" in replayed.stderr
