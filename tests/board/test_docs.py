"""What README and the pages tell a person to type, typed in their order on virtual boards.

A block that cannot be typed here is marked in the page itself, by a comment before it: `<!-- not run: why -->`. That every
line is one that the program takes is tested for all pages by tests/unit/cli/test_hints.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.board.cable import Cable
from tests.board.stage import GUARD_S, Stage, get

pytestmark = pytest.mark.board

ROOT = Path(__file__).parents[2]
EDITOR = """#!/bin/sh
echo "<p>edited $$</p>" >> "$1"
"""


def typed(page: str, heading: str, instead: Mapping[str, str] | None = None) -> list[str]:
    """The command lines of a section, without their comments, with what stands for a reader's own things replaced."""
    text = (ROOT / page).read_text()
    section = re.split(r"^## ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    assert section, f"{page} has no section {heading!r}"
    found = []
    for not_run, block in re.findall(r"(<!-- not run: [^>]+ -->\n)?```console\n(.*?)```", section, flags=re.DOTALL):
        lines = [re.sub(r" {2,}#.*", "", line[2:]) for line in block.splitlines() if line.startswith("$ ")]
        found += [] if not_run else lines
    for mine, ours in (instead or {}).items():
        assert any(mine in line for line in found), f"{page}, {heading}: nobody writes {mine!r} there any more"
        found = [line.replace(mine, ours) for line in found]
    return found


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Stage]:
    """Somebody's laptop on which nothing was done yet; all its virtual boards are gone afterwards."""
    it = Stage(tmp_path)
    editor = it.folder / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    it.env["EDITOR"] = str(editor)
    yield it
    it.run("lab", "down", "--all", "--delete")


def run(laptop: Stage, *lines: str) -> str:
    """Type them in one shell; what fails is named. Returns the whole output."""
    env = laptop.env | {"PATH": f"{Path(sys.executable).parent}:{laptop.env['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", "\n".join(lines)], env=env, cwd=laptop.folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3 * GUARD_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_demo_and_the_first_edits(laptop: Stage) -> None:
    quickstart = typed("docs/quickstart.md", "On the virtual board", {"make demo-down": "edgedeploy lab down demo"})
    up, talk, push, *edits = quickstart
    assert (up, talk) == ("edgedeploy lab up demo", "edgedeploy lab talk demo/decks"), "what make demo does"
    readme = typed("README.md", "Try it: no board needed", {"export PATH=$PWD/.venv/bin:$PATH": ":"})
    said = run(laptop, f"{up} --cpus 1", talk, push, *readme, *typed("docs/lab.md", "Snapshots"), *edits)
    assert said.count("slides/index.html changed: release ") == 2
    assert said.count(" is on air again on demo; ") == 2
    assert "demo is down" in said


def test_an_own_board_from_the_first_log_in_to_the_talk(laptop: Stage) -> None:
    laptop.ok("lab", "up", "own", "--bare", "--cpus", "1")
    laptop.ok("lab", "talk", "sample")
    laptop.name = "own"
    board = laptop.machine
    log_in = f"-i {shlex.quote(str(board.key))} --known-hosts {shlex.quote(str(board.known_hosts))}"
    place = f"root@{board.host}:{board.port} --profile virtual-armv7 {log_in}"
    ours = {
        "root@192.168.1.7": place,
        "cubieboard2": "virtual-armv7",
        "192.168.1.20": "10.0.2.20",
        "192.168.1.1": "10.0.2.2",
    }
    sample = f"{laptop.folder}/sample/guest"
    said = run(
        laptop,
        *typed("docs/quickstart.md", "On your own board", ours | {"path/to": sample}),
        "cd ..",
        *typed(
            "README.md", "On your own board", ours | {"~/build": sample, "decks": "again", "10.0.2.20": "10.0.2.21"}
        ),
    )
    assert "dry run, nothing was changed:" in said
    assert "decks " in said
    assert len(re.findall(r"^(?:decks|again) \S+ is live on own; first start ", said, re.MULTILINE)) == 2
    assert "fits virtual-armv7" in said
    for guest in ("10.0.2.20:80", "10.0.2.21:80"):
        assert get(board.url(guest)), guest


def test_a_rescue_is_rehearsed(stage: Stage, cable: Cable) -> None:
    mine = "~/.local/state/edgedeploy/lab/virtual/cable"
    lines = typed("docs/lab.md", "Rehearsing a rescue", {mine: str(cable.port), "push decks": f"push {stage.talk}"})
    agreed = [f"{line} --yes" if line == "edgedeploy recover" else line for line in lines]
    found = [
        f"{line} || echo status $?" if line.endswith("--yes") else line for line in agreed
    ]  # its status is its verdict
    stage.edit("in the middle of the rehearsal")
    said = run(stage, *found)
    assert "xenbr0" in said
    assert "the cable may come out now" in said
    assert said.splitlines().count("status 47") == 1, "the pulled network cable is for a person to mend"
    assert "serial cable" in said
