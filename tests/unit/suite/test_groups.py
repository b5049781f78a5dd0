"""What shares a resource stays on one worker: xdist's groups hold with the pytest that is installed."""

import re
import subprocess
import sys
from pathlib import Path

PLANTED = """
import pytest

@pytest.mark.parametrize("number", range(12))
@pytest.mark.xdist_group("together")
def test_one(number):
    pass
"""


def test_a_group_is_run_by_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    argv = [sys.executable, "-m", "pytest", "-v", "-n", "3", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run([*argv, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    workers = re.findall(r"^\[(gw\d)\].* PASSED ", done.stdout, re.MULTILINE)
    assert len(workers) == 12, done.stdout
    assert len(set(workers)) == 1, done.stdout
