"""Where a deployment repository may be, and that a password in an address is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.depot.git import Git
from edgedeploy.depot.remote import Copy, Remote, redacted
from tests.unit.depot.conftest import git

HERE = Path("/src/talk")


@pytest.mark.parametrize(
    ("text", "by_ssh", "folder"),
    [
        ("git@forge.example:me/decks.git", True, None),
        ("forge:decks", True, None),
        ("ssh://git@forge.example:2222/me/decks.git", True, None),
        ("git+ssh://forge/decks", True, None),
        ("https://forge.example/me/decks.git", False, None),
        ("file:///srv/decks.git", False, None),
        ("/srv/decks.git", False, Path("/srv/decks.git")),
        ("../decks.git", False, Path("/src/decks.git")),
        ("decks.git", False, Path("/src/talk/decks.git")),
        ("./a:b.git", False, Path("/src/talk/a:b.git")),
    ],
)
def test_what_git_reaches_how(text, by_ssh, folder):
    remote = Remote.parse(text, HERE)
    assert (remote.by_ssh, remote.folder) == (by_ssh, folder)


@pytest.mark.parametrize("text", ["", "--upload-pack=x", "-x", "ext::sh -c x", "ext://sh", "a\nb", "fd::17"])
def test_what_is_no_repository_is_refused(text):
    try:
        remote = Remote.parse(text, HERE)
    except errors.UsageFault:
        return
    assert remote.by_ssh, "`ext::…` is to git a helper, which GIT_ALLOW_PROTOCOL forbids"


def test_a_helper_that_runs_commands_is_not_run(tmp_path, git_home):
    with pytest.raises(errors.BadRepository, match="not allowed"):
        Copy(Remote.parse(f"ext::touch {tmp_path}/ran", HERE), tmp_path / "copy", {}).start(None)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x-access-token:ghs_16C7e42F@forge/a.git", "https://***@forge/a.git"),
        ("https://ghp_16C7e42F@forge/a.git", "https://***@forge/a.git"),
        ("https://:p%40ss@forge/a", "https://***@forge/a"),
        ("https://me:pa@ss/w@forge/a", "https://***@forge/a"),
        ("fatal: unable to access 'https://me:secret@forge/a/': 403", "fatal: unable to access 'https://***@forge/a/': 403"),
        ("ssh://me:secret@forge/a", "ssh://me:***@forge/a"),
        ("git@forge:a", "git@forge:a"),
        ("ssh://git@forge:22/a", "ssh://git@forge:22/a"),
    ],
)
def test_passwords_are_not_shown(text, shown):
    assert redacted(text) == shown


def test_a_remote_that_is_not_there_is_named_without_its_password(tmp_path, git_home):
    with pytest.raises(errors.BadRepository) as told:
        Copy(Remote.parse("https://me:secret@127.0.0.1:9/decks.git", HERE), tmp_path / "copy", {}).start(None)
    assert "secret" not in str((told.value.message, told.value.hint, told.value.details))
    assert "127.0.0.1:9" in told.value.message


@pytest.fixture
def bare(tmp_path, git_home):
    git(tmp_path, "init", "-q", "--bare", "-b", "trunk", "bare.git")
    git(tmp_path, "clone", "-q", str(tmp_path / "bare.git"), "work")
    (tmp_path / "work/theirs").write_text("x")
    git(tmp_path / "work", "add", ".")
    git(tmp_path / "work", "commit", "-qm", "theirs")
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:trunk")
    return tmp_path / "bare.git"


def started(bare: Path, folder: Path, branch: str | None = None) -> Copy:
    copy = Copy(Remote(str(bare)), folder, {})
    copy.start(branch)
    return copy


def test_a_branch_that_is_not_there_begins_with_nothing(bare, tmp_path):
    copy = started(bare, tmp_path / "copy", "stage")
    assert copy.branch == "stage"
    assert copy.git.commit("HEAD") is None
    assert [path.name for path in copy.git.folder.iterdir()] == [".git"]


def test_the_branch_is_the_remotes_own(bare, tmp_path):
    copy = started(bare, tmp_path / "copy")
    assert copy.branch == "trunk"
    assert (copy.git.folder / "theirs").exists()


@pytest.mark.parametrize("branch", ["a..b", "a b", "main.lock", "-x", "@", "HEAD", "refs/heads/q", "*", ""])
def test_what_is_no_branch_is_refused(bare, tmp_path, branch):
    with pytest.raises(errors.UsageFault, match="is not a branch"):
        started(bare, tmp_path / "copy", branch)


def test_a_ref_that_only_ends_like_the_branch_is_another(bare, tmp_path):
    git(bare, "update-ref", "refs/backup/refs/heads/trunk", "trunk")
    copy = started(bare, tmp_path / "copy", "trunk")
    git(copy.git.folder, "commit", "-q", "--allow-empty", "-m", "mine")
    hook = bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho closed today >&2; exit 1\n")
    hook.chmod(0o755)
    git(bare, "update-ref", "refs/backup/refs/heads/trunk", copy.git.commit("HEAD~") or "")
    with pytest.raises(errors.BadRepository, match="push failed"):
        copy.send()


@pytest.mark.parametrize("head", ["refs/heads/other", "detached"])
def test_a_remote_that_calls_no_branch_its_own_is_asked_for_one(bare, tmp_path, head):
    if head == "detached":
        (bare / "HEAD").write_text(git(bare, "commit-tree", "-m", "x", "trunk^{tree}") + "\n")
    else:
        git(bare, "symbolic-ref", "HEAD", head)
    with pytest.raises(errors.BadRepository, match="none of them its own: trunk") as told:
        started(bare, tmp_path / "copy")
    assert "--branch" in told.value.hint


@pytest.mark.parametrize("setting", ["clone.defaultRemoteName=up", "push.gpgSign=true", "push.pushOption=x", "push.followTags=true"])
def test_what_people_set_for_themselves_does_not_break_it(bare, tmp_path, git_home, setting):
    git(tmp_path, "config", "--global", *setting.split("="))
    copy = started(bare, tmp_path / "copy")
    git(copy.git.folder, "commit", "-q", "--allow-empty", "-m", "mine")
    assert copy.send()


def test_where_git_really_goes_is_known(tmp_path, git_home):
    git(tmp_path, "config", "--global", "url.ssh://git@forge/.insteadOf", "https://forge/")
    remote = Remote.parse("https://forge/a.git", HERE)
    assert (remote.by_ssh, remote.rewritten(Git(tmp_path)).url) == (False, "ssh://git@forge/a.git")


def test_who_is_late_is_told_and_goes_on_from_there(bare, tmp_path):
    one, two = started(bare, tmp_path / "one"), started(bare, tmp_path / "two")
    for copy, name in ((one, "one"), (two, "two")):
        (copy.git.folder / name).write_text(name)
        git(copy.git.folder, "add", ".")
        git(copy.git.folder, "commit", "-qm", name)
    assert one.send()
    assert not two.send()
    two.again()
    assert (two.git.folder / "one").exists()
    assert not (two.git.folder / "two").exists()
    assert git(bare, "log", "--format=%s", "trunk").split() == ["one", "theirs"]


def test_an_answer_that_was_lost_is_no_failure(bare, tmp_path):
    copy = started(bare, tmp_path / "copy")
    git(copy.git.folder, "commit", "-q", "--allow-empty", "-m", "mine")
    hook = bare / "hooks/post-receive"
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")  # the branch has moved, and the connection ends
    hook.chmod(0o755)
    assert copy.send()
    assert git(bare, "rev-parse", "trunk") == copy.git.commit("HEAD")


def test_this_computers_hooks_are_not_run(bare, tmp_path, git_home):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "post-checkout", "pre-commit", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    git(tmp_path, "config", "--global", "core.hooksPath", str(hooks))
    copy = started(bare, tmp_path / "copy")
    copy.again()
    git(copy.git.folder, "commit", "-q", "--allow-empty", "-m", "mine")
    assert copy.send()
    assert not (tmp_path / "ran").exists()
