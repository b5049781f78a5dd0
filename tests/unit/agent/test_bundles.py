"""What a bundle brings is checked object by object, whichever git the board has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors
from edgedeploy.core.names import AppName

DAY = b"1700000000 +0000"
GOOD = b"A <a@example.org> " + DAY


class Laptop:
    """A repository whose objects are written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main", str(folder), at=folder.parent)

    def git(self, *args: str, data: bytes = b"", at: Path | None = None) -> str:
        argv = ["git", "-C", str(at or self.folder), *args]
        return subprocess.run(argv, input=data, check=True, capture_output=True).stdout.decode(errors="replace").strip()

    def write(self, kind: str, data: bytes) -> str:
        return self.git("hash-object", "-t", kind, "-w", "--literally", "--stdin", data=data)

    def commit(self, entries: list[tuple[bytes, bytes]], *, parent: str = "", who: bytes = GOOD) -> str:
        """`entries`: (mode and name, content)."""
        tree = b"".join(entry + b"\0" + bytes.fromhex(self.write("blob", content)) for entry, content in entries)
        lines = [b"tree " + self.write("tree", tree).encode(), *([b"parent " + parent.encode()] if parent else [])]
        new = self.write("commit", b"\n".join([*lines, b"author " + who, b"committer " + GOOD, b"", b"words\n"]))
        self.git("update-ref", "HEAD", new)
        return new

    def bundle(self, *what: str) -> Path:
        path = self.folder / "bundle"
        self.git("bundle", "create", "-q", str(path), *what)
        return path


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    (tmp_path / "laptop").mkdir()
    return Laptop(tmp_path / "laptop")


@pytest.fixture
def board(tmp_path: Path) -> GitRepo:
    repo = GitRepo(tmp_path / "board")
    repo.ensure(AppName("decks"), "")
    return repo


UNSOUND: dict[str, list[tuple[bytes, bytes]]] = {
    "a .git": [(b"100644 .git", b"x")],
    "a .GIT for other systems": [(b"100644 .GIT", b"x")],
    "a folder above": [(b"100644 ..", b"x")],
    "a path": [(b"100644 a/b", b"x")],
    "one name twice": [(b"100644 a", b"x"), (b"100644 a", b"y")],
    "a submodule that is an option": [(b"100644 .gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n')],
}


@pytest.mark.parametrize("entries", UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_object_is_refused_by_name_and_no_branch_leads_to_it(
    laptop: Laptop, board: GitRepo, entries: list[tuple[bytes, bytes]]
) -> None:
    sound = laptop.commit([(b"100644 readme", b"x")])
    board.fetch_bundle(laptop.bundle("main"))
    new = laptop.commit(entries, parent=sound)
    with pytest.raises(errors.BadRepository, match="is not sound") as caught:
        board.fetch_bundle(laptop.bundle(f"{sound}..main"))
    assert "git fsck" in caught.value.hint
    assert any("object" in line for line in caught.value.details)
    assert not board.has(new)
    assert board.git("rev-parse", "refs/edgedeploy/incoming/main").strip() == sound
    board.git("remote", "add", "origin", str(laptop.folder))
    with pytest.raises(CommandFailed):
        board.fetch_remote()
    assert not board.has(new)


@pytest.mark.parametrize(
    ("entry", "who"),
    [
        (b"0100644 readme", GOOD),
        (b"100644 readme", b"A <a@example.org>  +0000"),
        (b"100644 readme", b"A <a@example.org> 0" + DAY),
        (b"100644 readme", b"<a@example.org> " + DAY),
        (b"100644 readme", b"M\xfcller <m@example.org> " + DAY),
        (b"100644 caf\xe9\x0c\xc2\x85", GOOD),
    ],
    ids=["mode", "no date", "date with a zero", "no name", "name in Latin-1", "file name"],
)
def test_what_other_programs_made_of_old_histories_is_taken(laptop: Laptop, board: GitRepo, entry: bytes, who: bytes) -> None:
    commit = laptop.commit([(entry, b"x")], who=who)
    board.fetch_bundle(laptop.bundle("main"))
    assert board.has(commit)
    board.git("remote", "add", "origin", str(laptop.folder))
    board.fetch_remote()


def test_only_branches_are_taken_in_and_only_those_of_the_last_bundle(laptop: Laptop, board: GitRepo) -> None:
    first = laptop.commit([(b"100644 readme", b"x")])
    laptop.git("tag", "v1")
    laptop.git("branch", "old/one")
    board.fetch_bundle(laptop.bundle("--all"))
    board.git("pack-refs", "--all")
    laptop.git("branch", "-m", "old/one", "old")
    second = laptop.commit([(b"100644 readme", b"y")], parent=first)
    board.fetch_bundle(laptop.bundle("--branches"))
    refs = board.git("for-each-ref", "--format=%(refname) %(objectname)").split("\n")
    assert refs[:-1] == [f"refs/edgedeploy/incoming/main {second}", f"refs/edgedeploy/incoming/old {first}"]


def test_what_stands_on_commits_that_are_not_here_is_refused(laptop: Laptop, board: GitRepo) -> None:
    first = laptop.commit([(b"100644 readme", b"x" * 5000)])
    laptop.commit([(b"100644 readme", b"x" * 5000 + b"y")], parent=first)
    with pytest.raises(errors.BadRepository, match="refused what was sent") as caught:
        board.fetch_bundle(laptop.bundle(f"{first}..main"))
    assert caught.value.hint.startswith("push again")


@pytest.mark.parametrize("raw", [b"", b"PACK", b"# v9 git bundle\n\n", b"x" * 100_000, b"# v2 git bundle\nno end"])
def test_what_is_no_bundle_is_told(tmp_path: Path, board: GitRepo, raw: bytes) -> None:
    (tmp_path / "sent").write_bytes(raw)
    with pytest.raises(errors.BadRepository):
        board.fetch_bundle(tmp_path / "sent")
