"""cron's look for news: the few lines of shell that leave to the agent whatever is not as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedeploy.agent import tick
from edgedeploy.agent.layout import Layout
from tests.unit.agent.model import ModelBoard

XL = """\
#!/bin/sh
[ "$1 $2" = "list decks" ] || exit 1
echo "Name                                        ID   Mem VCPUs\tState\tTime(s)"
echo "decks                                        7    96     1     -b----      16.9"
"""


class Cron:
    """A board below a folder, as cron meets it."""

    def __init__(self, root: Path, repo: Path) -> None:
        self.root, self.repo = root, repo
        self.layout = Layout(root)
        self.tools = root / "tools"
        for path, text in (
            (self.tools / "xl", XL),
            (self.layout.program, '#!/bin/sh\necho "$@" > "${0%/*}/called"\n'),
            (self.layout.tick, tick.TEXT),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        for name in ("proc", "sys/class/net/vif7.0/master"):
            (root / name).mkdir(parents=True)
        (root / "proc/uptime").write_text("1000.52 2000.00\n")

    def looks(self) -> str:
        """What the agent was called with; "" where that was not needed."""
        called = self.layout.program.with_name("called")
        called.unlink(missing_ok=True)
        env = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"}
        argv = [str(self.layout.tick), "decks", "0", str(self.root)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return called.read_text().strip() if called.exists() else ""


@pytest.fixture
def cron(tmp_path: Path) -> Cron:
    """Everything was in order at the last tick, a while ago."""
    for argv in (
        ["init", "-q", "-b", "main", "origin"],
        ["-C", "origin", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "one"],
        ["clone", "-q", "origin", "board/repo"],
    ):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True, timeout=60)
    made = Cron(tmp_path / "board", tmp_path / "board/repo")
    head = subprocess.run(
        ["git", "-C", str(made.repo), "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    quiet = made.layout.app("decks").quiet  # type: ignore[arg-type]  # a name is text
    quiet.parent.mkdir(parents=True)
    quiet.write_text(f"4600\n{made.repo}\nmain\n{head}\ndecks\n")
    return made


def test_without_news_no_python_starts(cron: Cron) -> None:
    assert cron.looks() == ""
    assert cron.looks() == ""


def commit(folder: Path) -> None:
    argv = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*argv, "commit", "-q", "--allow-empty", "-m", "two"], check=True, timeout=60)


CHANGES: dict[str, Callable[[Cron], object]] = {
    "a new commit": lambda cron: commit(cron.root.parent / "origin"),
    "a commit by hand": lambda cron: commit(cron.repo),
    "the branch is gone": lambda cron: (cron.root.parent / "origin/.git/refs/heads/main").unlink(),
    "the remote is gone": lambda cron: (cron.root.parent / "origin").rename(cron.root.parent / "away"),
    "no guest": lambda cron: (cron.tools / "xl").write_text("#!/bin/sh\nexit 1\n"),
    "it crashed": lambda cron: (cron.tools / "xl").write_text(XL.replace("-b----", "----c-")),
    "it is paused": lambda cron: (cron.tools / "xl").write_text(XL.replace("-b----", "--p---")),
    "it is off the bridge": lambda cron: (cron.root / "sys/class/net/vif7.0/master").rmdir(),
    "an hour has gone by": lambda cron: (cron.root / "proc/uptime").write_text("4600.01 1.0\n"),
    "there is no note": lambda cron: cron.layout.app("decks").quiet.unlink(),  # type: ignore[arg-type]  # a name is text
    "half a note": lambda cron: cron.layout.app("decks").quiet.write_text("4600\n"),  # type: ignore[arg-type]  # as above
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_not_as_it_was_is_the_agents(cron: Cron, change: str) -> None:
    CHANGES[change](cron)
    assert cron.looks() == "pull decks"


def test_the_agent_notes_that_all_is_in_order_and_what_begins_takes_the_note_away(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    layout, repo = model.board.app(model.app), model.board.repo(model.app)
    running = model.xen.domains()
    tick.note(layout, repo, running, 100.0)
    assert layout.quiet.read_text() == f"3700\n{repo.folder}\nmain\n{repo.head()}\ndecks\n"
    model.deploy()
    assert not layout.quiet.exists()
    tick.note(layout, repo, [], 100.0)
    assert not layout.quiet.exists(), "its guest does not run"


def test_a_pull_without_news_leaves_the_note_and_one_with_news_does_not(model: ModelBoard) -> None:
    layout = model.board.app(model.app)
    model.release("r1")
    assert model.board.pull(model.app, "cron")["verdict"] == "live"
    assert not layout.quiet.exists(), "the next look is the agent's"
    assert model.board.pull(model.app, "cron")["verdict"] == "already-live"
    assert layout.quiet.read_text().split("\n")[1:5] == [
        str(layout.repo), "main", str(model.board.repo(model.app).head()), "decks",
    ]  # fmt: skip
    model.xen.serves["r2"] = None
    model.release("r2")
    model.board.pull(model.app, "cron")
    assert not layout.quiet.exists()
