"""What a power cut, a killed git or a person leaves in a repository's work tree never stops a deployment, nor is lost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedeploy.agent import attempt, worktree
from edgedeploy.core import errors
from tests.unit.agent.model import ModelBoard, git


def _emptied(repo: Path) -> None:
    (repo / "xen/latest").write_bytes(b"")


def _stale(repo: Path) -> None:
    (repo / "xen/latest").unlink()
    (repo / "xen/latest").write_text("an older release\n")


def _lost(repo: Path) -> None:
    (repo / "xen/latest").unlink()


def _half_a_checkout(repo: Path) -> None:
    (repo / "xen/r2").mkdir()
    (repo / "xen/r2/manifest.json").write_bytes(b"{")


def _a_broken_index(repo: Path) -> None:
    (repo / ".git/index").write_bytes(b"DIRC\0\0")


def _a_lost_index(repo: Path) -> None:
    (repo / ".git/index").unlink()


def _locked(repo: Path) -> None:
    (repo / ".git/index.lock").touch()
    (repo / ".git/HEAD.lock").touch()
    (repo / ".git/refs/heads/main.lock").touch()
    (repo / ".git/refs/edgedeploy/fetched.lock").touch()


@pytest.fixture
def repo(model: ModelBoard) -> Path:
    model.release("r1")
    model.board.pull(model.app, "test")
    return model.layout.app(model.app).repo


@pytest.mark.parametrize(
    "happens", [_emptied, _stale, _lost, _half_a_checkout, _a_broken_index, _a_lost_index, _locked]
)
def test_the_next_pull_deploys_whatever_the_work_tree_looks_like(
    model: ModelBoard, repo: Path, happens: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktree, "_git_is_running", lambda: False)  # the test's machine may run one
    model.release("r2")
    happens(repo)
    assert model.board.pull(model.app, "cron")["running"] == "r2"
    assert git("-C", repo, "status", "--porcelain") == ""
    assert (repo / "xen/latest").read_text() == "r2\n"


def test_what_a_person_wrote_is_kept_and_told_where(model: ModelBoard, repo: Path) -> None:
    (repo / "xen/latest").write_text("my own idea\n")
    (repo / "notes.txt").write_text("call Anna\n")
    model.release("r2")
    model.board.pull(model.app, "cron")
    (repo / "xen/latest").write_text("my second idea\n")
    model.release("r3")
    model.board.pull(model.app, "cron")
    assert git("-C", repo, "show", f"{worktree.ASIDE}:xen/latest") == "my second idea\n"
    assert git("-C", repo, "show", f"{worktree.ASIDE}-1:xen/latest") == "my own idea\n"
    assert "+my second idea" in git("-C", repo, "show", "--first-parent", worktree.ASIDE)
    assert (repo / "notes.txt").read_text() == "call Anna\n", "in nobody's way"
    assert git("-C", repo, "status", "--porcelain") == "?? notes.txt\n"
    record = max(model.layout.app(model.app).attempts.glob("*.jsonl"))
    assert any(worktree.ASIDE in str(line) for line in attempt.read(record)[0])


def test_a_diverged_history_is_refused_and_the_edits_stay(model: ModelBoard, repo: Path) -> None:
    (repo / "xen/latest").write_text("my own idea\n")
    git("-C", model.work, "commit", "--quiet", "--amend", "-m", "another past")
    git("-C", model.work, "push", "--quiet", "--force", model.remote, "HEAD:main")
    with pytest.raises(errors.EdgeError, match="merge --quiet --ff-only"):
        model.board.pull(model.app, "cron")
    assert (repo / "xen/latest").read_text() == "my own idea\n"


@pytest.mark.parametrize(("name", "counts"), [("git", True), ("git-remote-http", True), ("gitea", False)])
def test_only_gits_own_names_count_as_a_running_git(tmp_path: Path, name: str, counts: bool) -> None:
    shutil.copy("/bin/sleep", tmp_path / name)
    with subprocess.Popen([tmp_path / name, "60"]) as running:
        try:
            comm = Path(f"/proc/{running.pid}/comm")
            while comm.read_text() != f"{name}\n":
                pass  # the name changes a moment after Popen has returned
            assert worktree._is_git(comm) is counts
            assert worktree._git_is_running() or not counts
        finally:
            running.kill()


def test_an_index_without_its_checksum_is_healthy_when_git_can_read_it(model: ModelBoard, repo: Path) -> None:
    """index.skipHash, git 2.40: the last 20 bytes are zeros. A power cut leaves more of them."""
    index = repo / ".git/index"
    whole = index.read_bytes()
    index.write_bytes(whole[:-20] + bytes(20))
    assert worktree.clear(model.board.repo(model.app)) == []
    index.write_bytes(whole[:60] + bytes(len(whole) - 60))
    assert worktree.clear(model.board.repo(model.app)) == [f"removed {index}, left by a git that was killed"]
    model.release("r2")
    assert model.board.pull(model.app, "cron")["running"] == "r2"


def test_the_lock_of_a_git_that_runs_is_left_alone(model: ModelBoard, repo: Path, tmp_path: Path) -> None:
    (repo / ".git/index.lock").touch()
    with subprocess.Popen(["git", "hash-object", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        while Path(f"/proc/{running.pid}/comm").read_text() != "git\n":
            pass  # the name changes a moment after Popen has returned
        assert worktree.clear(model.board.repo(model.app)) == []
        running.communicate(b"")
    assert (repo / ".git/index.lock").exists()


def test_pulls_are_brought_to_the_disk(
    model: ModelBoard, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the agent itself, and by the hook for a person's `git pull`."""
    called = tmp_path / "called"
    (tmp_path / "sync").write_text(f'#!/bin/sh\necho "$@ in $PWD" >> {called}\n')
    (tmp_path / "sync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    model.release("r2")
    model.board.pull(model.app, "cron")
    assert called.read_text().startswith(f"-f {repo} in ")
    called.unlink()
    subprocess.run([repo / ".git/hooks/post-merge"], cwd=repo, check=False, capture_output=True)
    assert called.read_text() == f"-f . in {repo}\n"
