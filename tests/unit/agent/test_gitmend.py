"""git's own small files after a power cut: empty, or full of zeros. What they said is found again, or can be sent again."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from edgedeploy.agent import status
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.core.names import AppName
from tests.guard import USUAL_S
from tests.unit.agent import model as models
from tests.unit.agent.model import ModelBoard


def git(folder: Path, *args: str) -> str:
    return models.git("-C", folder, *args).strip()


@pytest.fixture
def repo(model: ModelBoard) -> GitRepo:
    model.release("r1")
    model.board.pull(model.app, "test")
    model.release("r2")
    model.board.pull(model.app, "test")
    git(model.layout.app(model.app).repo, "branch", "mine")
    model.release("r3")
    return model.board.repo(model.app)


def spoil(repo: GitRepo, name: str, content: bytes) -> Path:
    path = repo.folder / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


SMALL = [
    "HEAD", "config", "refs/heads/main", "refs/heads/mine", "refs/edgedeploy/staged", "refs/edgedeploy/incoming/main",
    "refs/edgedeploy/fetched", "refs/remotes/origin/main", "refs/tags/v1", "ORIG_HEAD", "MERGE_HEAD", "packed-refs", "index",
    "logs/HEAD", "FETCH_HEAD", "objects/info/commit-graph", "objects/pack/multi-pack-index",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"), [*((name, b"\0" * 41) for name in SMALL), *((name, b"") for name in (*SMALL[:4], "ORIG_HEAD", "MERGE_HEAD"))]
)
def test_each_is_mended_where_it_is_and_the_next_pull_deploys(
    model: ModelBoard, repo: GitRepo, name: str, content: bytes
) -> None:
    spoil(repo, name, content)
    assert "error" not in status.apps(model.board)["decks"]
    assert model.board.pull(model.app, "cron")["running"] == "r3"
    assert git(repo.folder, "status", "--porcelain") == ""
    assert git(repo.folder, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(repo.folder, "rev-parse", "HEAD") == repo.head()
    assert git(repo.folder, "config", "core.fsync") == "all"
    assert git(repo.folder, "log", "--oneline").count("\n") == 2, "nothing of the history is lost"
    assert not repo.damaged()
    assert not repo.folder.with_name("repo.damaged").exists(), "it need not be sent again"


def test_a_git_that_is_gone_before_it_was_asked_has_no_answer(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(subprocess.Popen[bytes]):
        """It reads its broken configuration and ends, before anything could be written to it."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.wait(USUAL_S)

    head = repo.head()
    spoil(repo, "config", b"\0" * 41)
    monkeypatch.setattr(subprocess, "Popen", Gone)
    assert repo.read(head or "", PurePosixPath("xen/latest"), 100) is None


def test_a_branch_is_found_in_its_log_and_a_persons_too(repo: GitRepo) -> None:
    before = repo.head()
    spoil(repo, "refs/heads/main", b"")
    spoil(repo, "refs/heads/mine", b"\0" * 41)
    (words, *_) = repo.ensure(AppName("decks"), "")
    assert repo.head() == before
    assert git(repo.folder, "rev-parse", "mine") == before
    assert "refs/heads/main is " in words
    assert "refs/heads/mine is " in words


def test_packed_branches_come_back_by_their_logs(repo: GitRepo) -> None:
    before = repo.head()
    git(repo.folder, "pack-refs", "--all")
    spoil(repo, "packed-refs", b"\0" * 200)
    repo.ensure(AppName("decks"), "")
    assert repo.head() == before


def test_a_branch_without_a_log_is_sent_again(model: ModelBoard, repo: GitRepo) -> None:
    spoil(repo, "refs/heads/main", b"")
    spoil(repo, "logs/refs/heads/main", b"\0" * 300)
    assert model.board.pull(model.app, "cron")["running"] == "r3"
    assert git(repo.folder, "status", "--porcelain") == ""


def test_a_logged_commit_that_is_not_whole_is_passed_over(repo: GitRepo) -> None:
    log = repo.folder / ".git/logs/refs/heads/main"
    before = repo.head()
    log.write_bytes(log.read_bytes() + f"{before} {'1' * 40} x <x> 0 +0000\tmerge\n".encode())
    spoil(repo, "refs/heads/main", b"")
    repo.ensure(AppName("decks"), "")
    assert repo.head() == before


@pytest.mark.parametrize("name", ["shallow", "pack"])
def test_what_cannot_be_mended_is_made_anew(model: ModelBoard, repo: GitRepo, name: str) -> None:
    if name == "pack":
        git(repo.folder, "gc", "--quiet")
        (pack,) = (repo.folder / ".git/objects/pack").glob("*.idx")
        name = f"objects/pack/{pack.name}"
    spoil(repo, name, b"\0" * 100)
    assert model.board.pull(model.app, "cron")["running"] == "r3"
    assert not repo.damaged()
    assert repo.folder.with_name("repo.damaged").is_dir()


@pytest.mark.parametrize("head", [b"ref: refs/heads/ma\0\0\0\n", b"ref: refs/heads/caf\xe9\n", b"\xff\xfe", b"ref: ../../x\n"])
def test_any_head_is_an_answer(repo: GitRepo, head: bytes) -> None:
    spoil(repo, "HEAD", head)
    repo.head()
    repo.damaged()


def test_a_sound_repository_is_left_alone(repo: GitRepo) -> None:
    git(repo.folder, "pack-refs", "--all")
    git(repo.folder, "checkout", "--quiet", "--detach")
    (repo.folder / ".git/FETCH_HEAD").touch()
    (repo.folder / ".git/refs/heads/x.lock").touch()
    assert (repo.broken(), repo.damaged()) == ([], False)
