"""Repositories as people have them: used, or refused when they are opened, with git's reason and the way out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.depot.repo import Depot
from edgedeploy.depot.scaffold import Plan
from edgedeploy.flows import check
from tests.unit.depot.conftest import git


def refusal(path: Path) -> errors.BadRepository:
    with pytest.raises(errors.BadRepository) as caught:
        Depot.open(path)
    return caught.value


def test_sha_256_is_refused_where_it_is_opened_and_where_it_is_begun(git_home, tmp_path):
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "decks")
    with pytest.raises(errors.BadRepository, match="names its objects by SHA-256"):
        Depot.init(tmp_path / "decks", Plan("decks", "cubieboard2"), add=True)
    assert [path.name for path in (tmp_path / "decks").iterdir()] == [".git"]
    (tmp_path / "decks/edgedeploy.toml").write_text('app = "decks"\n')
    found = refusal(tmp_path / "decks")
    assert "boards take SHA-1" in found.message
    assert "--object-format=sha1" in found.hint


def test_a_new_repository_is_sha_1_whatever_this_computers_git_would_choose(git_home, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    made, _ = Depot.init(tmp_path / "decks", Plan("decks", "cubieboard2"))
    assert git(made.root, "rev-parse", "--show-object-format") == "sha1"


def test_somebody_elses_repository_is_there_and_that_is_said(depot, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own tests do it so: no root needed
    found = refusal(depot.root / "slides")
    assert f"{depot.root} belongs to another user" in found.message
    assert found.hint == f"if you trust it: git config --global --add safe.directory {depot.root}"
    with pytest.raises(errors.UsageFault) as caught:
        check.check(check.Request(depot.root, "virtual-armv7"))
    assert "safe.directory" in caught.value.hint, "not the way to start another one"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda top: (top / ".git/config").write_text("[core]\nrepositoryformatversion = 9\n"), "found 9"),
        (lambda top: (top / ".git/config").write_text("[core\n"), "bad config"),
    ],
)
def test_what_git_does_not_read_is_told_in_its_words(depot, damage, said):
    damage(depot.root)
    found = refusal(depot.root)
    assert "git does not read the repository" in found.message
    assert said in " ".join(found.details)


def test_a_branch_whose_name_is_no_utf_8_is_refused_by_name(depot):
    subprocess.run(["git", "-C", str(depot.root), "branch", "-m", b"caf\xe9"], check=True, timeout=60)
    found = refusal(depot.root)
    assert found.message == "the branch caf\\xe9 has a name that is not UTF-8"
    assert "git branch -m" in found.hint


def test_branches_with_any_other_character_are_used(depot):
    for name in ("café", "feature/ünï", "a'b", "日本"):
        git(depot.root, "branch", "-m", name)
        assert Depot.open(depot.root).branch == name


def test_a_linked_work_tree_and_a_clone_that_borrows_are_used(depot, tmp_path):
    git(depot.root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", "--shared", str(depot.root), "borrower")
    for place in ("linked", "borrower"):
        assert Depot.open(tmp_path / place).bundle([])


def test_a_shallow_clone_is_pushed_where_the_board_has_what_it_begins_with(depot, tmp_path):
    older = depot.head()
    (depot.root / "note").write_text("1")
    git(depot.root, "add", "-A")
    git(depot.root, "commit", "-qm", "second")
    newer = depot.head()
    board = tmp_path / "board"
    git(tmp_path, "clone", "-q", str(depot.root), "board")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{depot.root}", "shallow")
    shallow = Depot.open(tmp_path / "shallow")
    (shallow.root / "note").write_text("2")
    git(shallow.root, "commit", "-qam", "third")
    (tmp_path / "bundle").write_bytes(shallow.bundle([newer]) or b"")
    git(board, "pull", "-q", str(tmp_path / "bundle"), "main")
    assert git(board, "rev-parse", "HEAD") == shallow.head()
    git(board, "fsck", "--strict")
    for have, lacks in (([older], "the board's commit is not in it"), ([], "needs the whole history")):
        with pytest.raises(errors.BadRepository, match=lacks) as caught:
            shallow.bundle(have)
        assert caught.value.hint == "git fetch --unshallow"
