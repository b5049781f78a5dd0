"""What git exports for one repository does not reach another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgedeploy.core import gitenv

OURS = {
    "GIT_AUTHOR_NAME": "Anna", "GIT_AUTHOR_EMAIL": "anna@example.org", "GIT_COMMITTER_NAME": "Anna",
    "GIT_COMMITTER_EMAIL": "anna@example.org", "GIT_SSH_COMMAND": "ssh -v",
}  # fmt: skip


def git(folder: Path, *args: str) -> str:
    env = {**os.environ, **OURS}
    gitenv.forget(env)
    return subprocess.run(["git", "-C", folder, *args], env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_all_that_git_itself_calls_local_and_nothing_of_the_persons() -> None:
    local = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True).stdout.split()
    assert len(local) > 10
    environ = {**dict.fromkeys(local, "x"), "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": "/", **OURS}
    gitenv.forget(environ)
    assert environ == OURS


@pytest.mark.parametrize(
    "foreign",
    [
        {"GIT_DIR": "{other}/.git"},
        {"GIT_DIR": "{other}/.git", "GIT_WORK_TREE": "{other}"},
        {"GIT_INDEX_FILE": "{other}/.git/next-index.lock"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects"},
        {"GIT_COMMON_DIR": "{other}/.git", "GIT_PREFIX": "sub/"},
        {"GIT_NAMESPACE": "foreign", "GIT_GLOB_PATHSPECS": "1"},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": "{other}"},
        {"GIT_DEFAULT_HASH": "sha256"},
    ],
    ids=lambda foreign: "+".join(foreign),
)
def test_what_another_repositorys_hook_starts_is_committed_to_ours(tmp_path: Path, foreign: dict[str, str]) -> None:
    other, talk = tmp_path / "other", tmp_path / "talk"
    subprocess.run(["git", "init", "-q", "-b", "main", other], check=True)
    git(other, "commit", "-q", "--allow-empty", "-m", "theirs")
    head, files = git(other, "rev-parse", "HEAD"), sorted(path.name for path in (other / ".git").iterdir())
    given = {name: value.replace("{other}", str(other)) for name, value in foreign.items()}
    argv = [sys.executable, "-m", "edgedeploy", "init", "decks", "--dir", str(talk), "--slides"]
    env = {**os.environ, **OURS, **given, "EDGEDEPLOY_CONFIG_DIR": str(tmp_path / "config")}
    done = subprocess.run(argv, env=env, cwd=other, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert git(talk, "log", "--format=%an %s").startswith("Anna ")
    assert git(talk, "status", "--porcelain") == ""
    assert (git(other, "rev-parse", "HEAD"), git(other, "status", "--porcelain")) == (head, "")
    assert sorted(path.name for path in (other / ".git").iterdir()) == files


def test_nor_does_it_reach_the_agent(tmp_path: Path) -> None:
    """`git pull` on the board exports GIT_DIR for its post-merge hook, which calls the agent."""
    code = "import os, sys; from edgedeploy.agent import __main__ as agent; sys.argv = ['agent', 'status']; agent.main()\n"
    code += "print(sorted(name for name in os.environ if name.startswith('GIT_')))"
    env = {**os.environ, "GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "GIT_SSH_COMMAND": "ssh -v"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    kept = [name for name in os.environ if name.startswith("GIT_") and name not in gitenv.FOREIGN]
    assert done.stdout.splitlines()[-1] == str(sorted({*kept, "GIT_SSH_COMMAND"}))
