"""What a pull keeps of a work tree before it is overwritten, with real git: all that would be lost, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edgedeploy.agent import pull, worktree
from edgedeploy.core import errors
from tests.unit.agent.model import ModelBoard, git


@pytest.fixture
def repo(model: ModelBoard) -> Path:
    model.release("r1")
    comes(model)
    assert pulled(model) == []
    return model.layout.app(model.app).repo


def comes(model: ModelBoard, **files: str) -> None:
    """A commit with these files (`_`: a slash, `__`: a dot) and a new README.md, fetched and not yet pulled."""
    for name, text in files.items():
        path = model.work / name.replace("__", ".").replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("-C", model.work, "add", "--force", "--all")
    model.commit(readme=f"{sorted(files)} {files}")
    model.board.repo(model.app).fetch_remote()


def pulled(model: ModelBoard) -> list[str]:
    return pull.fetched(model.board.repo(model.app))


def kept(repo: Path, path: str, ref: str = worktree.ASIDE) -> str:
    return git("-C", repo, "show", f"{ref}:{path}")


def test_an_edit_of_a_tracked_file_that_is_ignored_is_kept(model: ModelBoard, repo: Path) -> None:
    comes(model, __gitignore="guest/\n", guest_notes="one", slides="1")
    assert pulled(model) == []
    comes(model, guest_notes="two", slides="2")
    (repo / "guest/notes").write_text("precious")
    assert worktree.ASIDE in pulled(model)[-1]
    assert kept(repo, "guest/notes") == "precious"
    assert (repo / "guest/notes").read_text() == "two"


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("edited", [False, True])
def test_untracked_files_are_kept_where_the_commit_brings_one(
    model: ModelBoard, repo: Path, ignored: bool, edited: bool
) -> None:
    """A file of that name, a folder where a file comes, and a file where a folder comes."""
    comes(model, __gitignore="notes.txt\nfolder/\nfile\n" if ignored else "")
    pulled(model)
    (repo / "notes.txt").write_text("mine")
    (repo / "folder/deep").mkdir(parents=True)
    (repo / "folder/deep/x").write_text("mine too")
    (repo / "folder/link").symlink_to("nowhere")
    (repo / "file").write_text("mine as well")
    (repo / "left").write_text("alone")
    if edited:  # else what is ignored would be overwritten by git pull itself
        (repo / "README.md").write_text("idea")
    comes(model, notes__txt="theirs", folder="theirs", file_below="theirs")
    assert worktree.ASIDE in pulled(model)[-1]
    found = git("-C", repo, "ls-tree", "-r", "--name-only", worktree.ASIDE).split()
    assert {"notes.txt", "folder/deep/x", "folder/link", "file"} <= set(found)
    assert "left" not in found
    assert [kept(repo, name) for name in ("notes.txt", "folder/deep/x", "file")] == ["mine", "mine too", "mine as well"]
    assert git("-C", repo, "status", "--porcelain") == "?? left\n"
    assert (repo / "file/below").read_text() == "theirs"


def test_names_of_any_bytes_are_kept(model: ModelBoard, repo: Path) -> None:
    names = [b"\xff\xfe \"q\" \\", "ü\u2028\n".encode(), b"aux. "]
    for name in names:
        Path(os.fsdecode(bytes(model.work) + b"/" + name)).write_text("theirs")
        Path(os.fsdecode(bytes(repo) + b"/" + name)).write_text("mine")
    git("-C", model.work, "config", "core.protectNTFS", "false")
    git("-C", repo, "config", "core.protectNTFS", "false")
    comes(model)
    pulled(model)
    listed = git("-C", repo, "ls-tree", "-r", worktree.ASIDE)
    assert listed.count(_id(b"mine")) == len(names)


def _id(content: bytes) -> str:
    done = subprocess.run(["git", "hash-object", "--stdin"], input=content, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_a_large_untracked_file_does_not_go_into_the_object_store(model: ModelBoard, repo: Path) -> None:
    (repo / "disk.img").write_bytes(os.urandom(3 << 20))
    (repo / "README.md").write_text("idea")
    comes(model, slides="2")
    pulled(model)
    assert kept(repo, "README.md") == "idea"
    assert sum(path.stat().st_size for path in (repo / ".git").rglob("*") if path.is_file()) < 1 << 20
    assert (repo / "disk.img").stat().st_size == 3 << 20


def test_only_the_last_few_are_kept(model: ModelBoard, repo: Path) -> None:
    for number in range(6):
        (repo / "README.md").write_text(f"idea {number}")
        comes(model, slides=str(number))
        pulled(model)
    refs = git("-C", repo, "for-each-ref", "--format=%(refname)", f"{worktree.ASIDE}*").split()
    assert [kept(repo, "README.md", ref) for ref in refs] == [f"idea {number}" for number in (5, 4, 3, 2, 1)]
    past = git("-C", repo, "log", "--format=%s", worktree.ASIDE).splitlines()
    assert past.count("The work tree as a pull found it") == 1, "no chain"


def test_what_was_staged_is_kept_too(model: ModelBoard, repo: Path) -> None:
    (repo / "README.md").write_text("staged")
    (repo / "new").write_text("staged only")
    git("-C", repo, "add", "README.md", "new")
    (repo / "README.md").write_text("later")
    (repo / "new").unlink()
    comes(model, slides="2")
    pulled(model)
    assert kept(repo, "README.md") == "later"
    assert kept(repo, "README.md", f"{worktree.ASIDE}^2") == "staged"
    assert kept(repo, "new", f"{worktree.ASIDE}^2") == "staged only"


def test_a_merge_that_a_person_left_with_conflicts_is_no_obstacle(model: ModelBoard, repo: Path) -> None:
    person = ("-c", "user.name=p", "-c", "user.email=p@p")
    start = git("-C", repo, "rev-parse", "HEAD").strip()
    for branch, text in (("other", "a"), ("main", "b")):
        git("-C", repo, "checkout", "-q", "-B", branch, start)
        (repo / "README.md").write_text(text)
        git("-C", repo, *person, "commit", "-qam", text)
    subprocess.run(["git", "-C", repo, *person, "merge", "-q", "other"], check=False, capture_output=True)
    git("-C", model.work, "pull", "-q", "--ff-only", repo, "main")
    comes(model, slides="2")
    assert worktree.ASIDE in pulled(model)[-1]
    assert "<<<<<<<" in kept(repo, "README.md")
    assert git("-C", repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("commits", [False, True])
def test_a_repository_in_the_repository(model: ModelBoard, repo: Path, commits: bool) -> None:
    """In nobody's way it is passed over; one in the way of a file is told, and nothing is changed."""
    git("init", "-q", repo / "folder/sub")
    (repo / "folder/sub/f").write_text("nested")
    if commits:
        git("-C", repo / "folder/sub", "add", "f")
        git("-C", repo / "folder/sub", "-c", "user.name=p", "-c", "user.email=p@p", "commit", "-qm", "history")
    (repo / "README.md").write_text("idea")
    comes(model, slides="2", folder_beside="theirs")
    pulled(model)
    assert kept(repo, "README.md") == "idea"
    assert (repo / "slides").read_text() == "2"

    git("-C", repo, "rm", "-q", "--cached", "folder/beside")
    (repo / "README.md").write_text("idea 2")
    shutil.rmtree(model.work / "folder")
    comes(model, slides="3", folder="now a file")
    with pytest.raises(errors.BadRepository, match=r"folder/sub is a git repository .* nothing was changed") as caught:
        pulled(model)
    assert f"move it out of {repo}" in caught.value.hint
    assert (repo / "folder/sub/f").read_text() == "nested"
    assert (repo / "folder/sub/.git/HEAD").exists()
    assert (repo / "README.md").read_text() == "idea 2"
    (repo / "folder/sub").rename(repo.parent / "moved")
    pulled(model)
    assert (repo / "folder").read_text() == "now a file"
    assert kept(repo, "folder/beside") == "theirs"


def test_a_repository_that_is_ignored_is_not_overwritten_by_the_pull_itself(model: ModelBoard, repo: Path) -> None:
    comes(model, __gitignore="sub\n")
    pulled(model)
    git("init", "-q", repo / "sub")
    comes(model, sub="now a file")
    with pytest.raises(errors.BadRepository, match="sub is a git repository of its own"):
        pulled(model)
    assert (repo / "sub/.git/HEAD").exists()


def _full(repo: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From here on git cannot write files of more than 32 KB, as on a disk that is full."""
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\ntrap '' XFSZ\nulimit -f 64\nexec {shutil.which('git')} \"$@\"\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_disk_without_room_for_what_differs_refuses_the_pull_and_nothing_is_lost(
    model: ModelBoard, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes(model, slides="2")
    mine = os.urandom(100_000)
    (repo / "README.md").write_bytes(mine)
    with monkeypatch.context() as full:
        _full(repo, full, tmp_path / "full")
        with pytest.raises(errors.BadRepository, match="nothing is lost and nothing was deployed") as caught:
            pulled(model)
    assert "df -h" in caught.value.hint
    assert any("File too large" in line for line in caught.value.details)
    assert (repo / "README.md").read_bytes() == mine
    assert not (repo / "slides").exists()
    assert not list((repo / ".git").glob("edgedeploy*"))
    pulled(model)
    assert (repo / "slides").read_text() == "2"


def test_a_checkout_that_fails_at_every_tick_does_not_push_out_what_was_kept(
    model: ModelBoard, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes(model, slides="large " * 20_000)
    (repo / "README.md").write_text("staged")
    git("-C", repo, "add", "README.md")
    (repo / "README.md").write_text("idea")
    with monkeypatch.context() as full:
        _full(repo, full, tmp_path / "full")
        for _ in range(6):
            with pytest.raises(errors.BadRepository, match="nothing is lost"):
                pulled(model)
    pulled(model)
    assert (repo / "slides").read_text() == "large " * 20_000
    refs = git("-C", repo, "for-each-ref", "--format=%(refname)", f"{worktree.ASIDE}*").split()
    assert len(refs) < 4
    assert (kept(repo, "README.md", refs[-1]), kept(repo, "README.md", f"{refs[-1]}^2")) == ("idea", "staged")
