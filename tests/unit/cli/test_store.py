"""`edgedeploy store` into a repository on this computer: what is stored, what is refused, and with which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.flows import store as flow
from tests import kernels
from tests.forge import SETTINGS
from tests.unit.depot.conftest import git, report  # noqa: F401 - a fixture


@pytest.fixture
def source(tmp_path, git_home, monkeypatch):
    folder = tmp_path / "source"
    (folder / "slides").mkdir(parents=True)
    (folder / "edgedeploy.toml").write_text(SETTINGS)
    (folder / "kernel").write_bytes(kernels.linux_zimage())
    (folder / "ramdisk").write_bytes(kernels.cpio())
    (folder / "slides/index.html").write_text("<h1>one</h1>")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Say one")
    return folder


@pytest.fixture
def store(edgedeploy, source, monkeypatch, tmp_path):
    monkeypatch.chdir(source)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return lambda *args: edgedeploy("store", "--to", "../decks.git", *args)


def tip(source: Path) -> str:
    return git(source.parent / "decks.git", "rev-parse", "main")


def test_a_repository_that_is_not_there_is_made_and_filled(store, source):
    code, out, err = store()
    assert (code, "stored" in out, "is new" in err) == (0, True, True)
    names = git(source.parent / "decks.git", "ls-tree", "-r", "--name-only", "main").split("\n")
    assert {"edgedeploy.toml", "scripts/crontab", ".gitattributes", "xen/latest"} <= set(names)
    assert not any(name.startswith("slides/") for name in names), "they are the source's"


def test_a_slip_in_a_folder_makes_no_repository(edgedeploy, store, source):
    code, _, err = edgedeploy("store", "--to", "../deks")
    assert (code, "does not exist" in err) == (22, True)
    assert not (source.parent / "deks").exists()


def test_a_dry_run_stores_nothing(store, source):
    store()
    before = tip(source)
    (source / "slides/index.html").write_text("<h1>two</h1>")
    code, out, _ = store("--dry-run")
    assert (code, out.startswith("would store"), tip(source)) == (0, True, before)
    code, out, err = store("--dry-run", "--to", "../new.git")
    assert (code, "would be new" in err, (source.parent / "new.git").exists()) == (0, True, False)
    told = json.loads(store("--dry-run", "--json")[1])
    assert (told["commit"], told["unchanged"], told["dry_run"]) == (None, False, True)


def test_a_repository_that_nothing_was_stored_in_is_not_left_behind(store, source):
    (source / "kernel").write_bytes(kernels.x86_mirage())
    assert store()[0] == 20
    assert not (source.parent / "decks.git").exists()


def test_settings_that_no_release_is_made_of_are_stored_alone(store, source):
    store()
    before = tip(source)
    (source / "edgedeploy.toml").write_text(SETTINGS.replace("[network]", 'board = "stage"\n\n[network]', 1))
    code, out, _ = store()
    assert (code, "stored  the settings" in out) == (0, True)
    assert 'board = "stage"' in git(source.parent / "decks.git", "show", "main:edgedeploy.toml")
    assert git(source.parent / "decks.git", "rev-parse", "main~") == before
    assert store()[1].startswith("nothing to store")


def test_an_older_commit_is_stored_and_told(store, source):
    (source / "slides/index.html").write_text("<h1>two</h1>")
    git(source, "commit", "-qam", "Say two")
    assert "is older than" not in store()[2]
    git(source, "checkout", "-q", "HEAD~")
    code, _, err = store()
    assert (code, "is older than what is stored there" in err) == (0, True)


@pytest.mark.parametrize("what", ["a link out of the repository", "a folder"])
def test_a_repository_does_not_lead_out_of_itself(store, source, tmp_path, what):
    store()
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", "decks.git", "work")
    outside = tmp_path / "outside.toml"
    outside.write_text(SETTINGS.replace("decks", "other"))
    before = outside.stat().st_ino
    (work / "edgedeploy.toml").unlink()
    if what == "a folder":
        (work / "edgedeploy.toml").mkdir()
        (work / "edgedeploy.toml/x").touch()
    else:
        (work / "edgedeploy.toml").symlink_to(outside)
    git(work, "add", ".")
    git(work, "commit", "-qm", "hostile")
    git(work, "push", "-q")
    (source / "slides/index.html").write_text("<h1>two</h1>")
    code, _, err = store()
    assert (code, what in err, outside.stat().st_ino) == (22, True, before), err


def test_a_checkout_of_somebody_elses_says_why_it_has_no_commit(store, source, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own way to test it
    _, _, err = store("--to", f"file://{source.parent}/none")
    assert "safe.directory" in err


def test_settings_go_with_the_source(store, source):
    store()
    (source / "edgedeploy.toml").write_text(SETTINGS.replace("[network]", "[domain]\nmemory = 64\n\n[network]"))
    code, out, _ = store("--json")
    assert (code, json.loads(out)["manifest"]["domain"]["memory_mb"]) == (0, 64)
    assert "memory = 64" in git(source.parent / "decks.git", "show", "main:edgedeploy.toml")


def test_what_is_served_is_looked_for_beside_the_settings(store, source, monkeypatch):
    (source / "deck.css").write_text("h1{}")
    (source / "edgedeploy.toml").write_text(SETTINGS + '\n[health.serves]\n"/deck.css" = "deck.css"\n')
    monkeypatch.chdir(source / "slides")
    code, out, err = store("--settings", "../edgedeploy.toml", "--to", "../../decks.git", "--json")
    assert (code, "/deck.css" in json.loads(out or "{}")["manifest"]["health"]["serves"]) == (0, True), err


def test_another_app_does_not_take_its_place(store, source):
    store()
    before = tip(source)
    (source / "edgedeploy.toml").write_text(SETTINGS.replace('"decks"', '"talks"'))
    code, _, err = store()
    assert (code, tip(source)) == (2, before)
    assert "holds releases of decks" in err
    assert "--branch" in err
    code, _, err = store("--branch", "talks")
    assert code == 0, err
    assert git(source.parent / "decks.git", "log", "--format=%s", "talks", "--not", "main").endswith("repository of talks")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda s: (s / "slides/index.html").write_text(""), 22, "release it all the same: edgedeploy store --to ../decks.git --force"),
        (lambda s: (s / "slides/a.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"), 22, "git lfs pull"),
        (lambda s: (s / "kernel").write_bytes(kernels.x86_mirage()), 20, "x86"),
        (lambda s: (s / "kernel").unlink(), 2, "kernel"),
        (lambda s: (s / "edgedeploy.toml").write_text("ap = 1"), 21, "app"),
        (lambda s: (s / "edgedeploy.toml").unlink(), 2, "which kernel?"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_the_repository_as_it_was(store, source, spoil, code, words):
    store()
    before = tip(source)
    spoil(source)
    found, out, err = store()
    assert (found, out, tip(source)) == (code, "", before), err
    assert words in err
    assert "edgedeploy-store-" not in err, "a folder that is gone is no place to look"


def test_an_empty_repository_needs_settings(edgedeploy, store, source):
    (source / "edgedeploy.toml").unlink()
    code, _, err = store("kernel")
    assert (code, "has no edgedeploy.toml on main" in err, "--settings" in err) == (22, True, True)


def test_a_source_that_is_no_clone_is_named_by_its_whole_id(store, source):
    assert store("--source", "a" * 40)[0] == 0
    assert f"Source: {'a' * 40}" in git(source.parent / "decks.git", "log", "--format=%b", "main")
    code, _, err = store("--source", "v1.0")
    assert (code, "no commit v1.0" in err) == (2, True)


def test_a_deploy_key_is_for_ssh(store, monkeypatch):
    from tests.sshd import keypair

    monkeypatch.setenv("EDGEDEPLOY_DEPLOY_KEY", keypair(Path("deploy")).read_text())
    code, _, err = store()
    assert (code, "is for ssh" in err) == (2, True)


def test_somebody_who_is_always_quicker_ends_it(source, store, report):  # noqa: F811 - the fixture of that name
    """Each time before ours arrives, another commit does."""
    store()
    bare = source.parent / "decks.git"
    hook = bare / "hooks/pre-receive"
    hook.write_text(
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        'git update-ref refs/heads/main "$(git commit-tree -p main -m theirs main^{tree})"\n'
    )
    hook.chmod(0o755)
    (source / "slides/index.html").write_text("<h1>two</h1>")
    waited: list[float] = []
    request = flow.Request("../decks.git", source, settings=source / "edgedeploy.toml")
    with pytest.raises(errors.BadRepository, match=f"quicker {flow.ATTEMPTS} times"):
        flow.put(request, report=report, sleep=waited.append)
    assert waited == sorted(waited)
    assert len(waited) == flow.ATTEMPTS
    assert git(bare, "log", "--format=%s", "main").count("theirs") == flow.ATTEMPTS
