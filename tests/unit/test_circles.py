"""The contract in pyproject.toml sees a circle of imports wherever it is planted, and however it is hidden."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
SPELLINGS = (
    "import {0}\n",
    "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import {0}\n",
    "def late():\n    import {0}\n",
)


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """The contracts, judging the copy in `folder`."""
    return subprocess.run(
        [LINTER, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={"PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip


def test_a_circle_in_any_package_is_found_also_under_type_checking_and_in_a_function(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "edgedeploy", tmp_path / "edgedeploy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    packages = []
    for init, spelling in zip(sorted((tmp_path / "edgedeploy").rglob("__init__.py")), cycle(SPELLINGS)):
        name = ".".join(init.parent.relative_to(tmp_path).parts)
        packages.append(name)
        (init.parent / "planted_here.py").write_text(f"import {name}.planted_there\n")
        (init.parent / "planted_there.py").write_text(spelling.format(f"{name}.planted_here"))
    assert {"edgedeploy.agent", "edgedeploy.flows.rescue", "edgedeploy.wires.serial", "edgedeploy.lab.bake"} <= set(
        packages
    )
    done = linted(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall(r"No cycles are allowed in (\S+)\.\n", done.stdout) == packages
    assert "Contracts: 2 kept, 1 broken." in done.stdout
