"""`edgedeploy ci`: files that are nobody else's, and a key whose private half is not shown by chance."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from edgedeploy.cli.options import Session
from tests.unit.depot.conftest import git

SETTINGS = 'app = "decks"\nboards = ["virtual-armv7"]\n\n[build]\nkernel = "k"\n'
GIVEN = ("--build", "unix=make unix", "--build", "xen-armv7=make", "--store", "git@forge:me/decks.git")


@pytest.fixture
def source(edgedeploy, tmp_path, monkeypatch):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "edgedeploy.toml").write_text(SETTINGS)
    git(folder, "init", "-q")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("CI", raising=False)
    return folder


@pytest.mark.parametrize(
    ("forge", "path"), [("github", ".github/workflows/edgedeploy.yml"), ("gitlab", ".gitlab-ci.yml"), ("script", None)]
)
def test_what_is_written(edgedeploy, source, forge, path):
    code, out, err = edgedeploy("ci", "init", f"--{forge}", *GIVEN, "--json")
    assert code == 0, err
    assert json.loads(out)["files"] == ["ci/edgedeploy.sh", *([path] if path else [])]
    assert json.loads(out)["stored"] == "xen-armv7"
    assert os.access(source / "ci/edgedeploy.sh", os.X_OK)
    assert (source / "edgedeploy.toml").read_text().startswith(SETTINGS)
    code, out, _ = edgedeploy("ci", "init", f"--{forge}")
    assert (code, out.startswith("unchanged")) == (0, True)


@pytest.mark.parametrize(
    ("makes", "forge"),
    [
        (lambda s: (s / ".github").mkdir(), "github"),
        (lambda s: git(s, "remote", "add", "origin", "git@gitlab.example:me/x.git"), "gitlab"),
        (lambda s: git(s, "remote", "add", "origin", "https://github.com/me/x"), "github"),
        (lambda s: None, "script"),
    ],
)
def test_the_forge_is_what_the_repository_looks_like(edgedeploy, source, makes, forge):
    makes(source)
    assert json.loads(edgedeploy("ci", "init", *GIVEN, "--json")[1])["forge"] == forge


def test_a_file_that_is_there_is_kept(edgedeploy, source):
    theirs = source / ".gitlab-ci.yml"
    theirs.write_text("stages: [mine]\n")
    code, _, err = edgedeploy("ci", "init", "--gitlab", *GIVEN)
    assert (code, ".gitlab-ci.yml is there already" in err, theirs.read_text()) == (2, True, "stages: [mine]\n")
    assert (source / "edgedeploy.toml").read_text() == SETTINGS, "all or nothing"
    assert not (source / "ci").exists()
    assert edgedeploy("ci", "init", "--gitlab", *GIVEN, "--force")[0] == 0
    assert "sh ci/edgedeploy.sh" in theirs.read_text()


def test_an_edited_table_is_written_anew(edgedeploy, source):
    edgedeploy("ci", "init", *GIVEN)
    settings = source / "edgedeploy.toml"
    settings.write_text(settings.read_text().replace("make unix", "dune build"))
    code, _, err = edgedeploy("ci", "init")
    assert (code, "--force" in err) == (2, True)
    assert edgedeploy("ci", "init", "--force")[0] == 0
    assert "dune build" in (source / "ci/edgedeploy.sh").read_text()
    code, _, err = edgedeploy("ci", "init", "--build", "unix=x")
    assert (code, "has a [ci] already" in err) == (2, True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((), "how is it built?"),
        (("--build", "unix"), "not TARGET=COMMAND"),
        (("--build", "unix="), "not TARGET=COMMAND"),
        (("--build", "a b=x"), "is not a target"),
        (("--build", "unix=a", "--build", "unix=b"), "built twice"),
        (("--build", "unix=\udcff"), "not TARGET=COMMAND"),
        (("--build", "xen=x", "--kernel", "k", "--store=-x"), "is no repository"),
        (("--build", "unix=x", "--store", "y", "--deploy", "xen-armv7"), "is stored, but not built"),
        ((*GIVEN, "--host-key", "what"), "is not a host key"),
        ((*GIVEN, "--kernel", "../k"), "not a path inside"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_nothing_is_written(edgedeploy, source, argv, words):
    code, _, err = edgedeploy("ci", "init", *argv)
    assert (code, words in err) == (2, True), err
    assert sorted(path.name for path in source.iterdir()) == [".git", "edgedeploy.toml"]
    assert (source / "edgedeploy.toml").read_text() == SETTINGS


@pytest.mark.parametrize("what", ["a folder", "a file above", "a link"])
def test_what_is_in_the_way_is_named(edgedeploy, source, tmp_path, what):
    if what == "a folder":
        (source / "ci/edgedeploy.sh/x").mkdir(parents=True)
    elif what == "a file above":
        (source / "ci").write_text("mine")
    else:
        (source / "ci").mkdir()
        (source / "ci/edgedeploy.sh").symlink_to(tmp_path / "elsewhere")
    code, _, err = edgedeploy("ci", "init", *GIVEN)
    assert (code, "ci/edgedeploy.sh" in err) == (2, True)
    edgedeploy("ci", "init", *GIVEN, "--force")
    assert not (tmp_path / "elsewhere").exists(), "a link is not followed"


def test_a_table_that_a_store_could_not_leave_out_is_told(edgedeploy, source):
    (source / "edgedeploy.toml").write_text('build = { kernel = "k" }\napp = "decks"\n')
    code, _, err = edgedeploy("ci", "init", *GIVEN)
    assert (code, "[build]" in err) == (21, True)


def test_a_build_that_names_no_kernel_is_asked_for_it(edgedeploy, source):
    (source / "edgedeploy.toml").write_text('app = "decks"\n')
    code, _, err = edgedeploy("ci", "init", *GIVEN)
    assert (code, "--kernel FILE" in err) == (2, True)


def test_a_source_without_settings_is_given_some(edgedeploy, source):
    (source / "edgedeploy.toml").unlink()
    code, _, err = edgedeploy("ci", "init", *GIVEN, "--kernel", "k")
    assert (code, "--app APP" in err) == (2, True)
    code, _, err = edgedeploy("ci", "init", *GIVEN, "--kernel", "k", "--app", "decks", "--address", "10.0.2.20/24")
    assert code == 0, err
    assert 'address = "10.0.2.20/24"' in (source / "edgedeploy.toml").read_text()


def test_files_are_for_the_top_of_a_repository(edgedeploy, source, monkeypatch):
    (source / "talk").mkdir()
    monkeypatch.chdir(source / "talk")
    code, _, err = edgedeploy("ci", "init", *GIVEN)
    assert (code, f"cd {source}" in err) == (2, True)


def test_who_sits_there_is_asked(edgedeploy, source, monkeypatch):
    answers = iter(["", "make", "", "git@forge:me/decks.git", "_build/x.xen", "make test"])
    monkeypatch.setattr(Session, "can_ask", lambda self: True)
    monkeypatch.setattr("click.prompt", lambda *a, **k: next(answers))
    code, _, err = edgedeploy("ci", "init")
    assert code == 0, err
    text = (source / "edgedeploy.toml").read_text()
    assert '[ci.xen-armv7]\nbuild = "make"\ntest = "make test"\nkernel = "_build/x.xen"\ndeploy = true\n' in text
    assert not list(answers)


def run_key(*args: str, to: int | None = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgedeploy", "ci", "key", *args]
    return subprocess.run(argv, stdout=to, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, **env})


def test_the_private_half_goes_to_a_pipe_and_is_the_same_each_time(source):
    first = run_key()
    assert first.stdout.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert "with write access" in first.stderr
    assert run_key().stdout == first.stdout
    assert first.stdout.split("\n")[2] not in first.stderr


def test_the_private_half_goes_nowhere_else(source, tmp_path):
    with (tmp_path / "file").open("w") as file:
        done = run_key(to=file.fileno())
    assert (done.returncode, (tmp_path / "file").read_text()) == (0, "")
    with (tmp_path / "file").open("w") as file:
        run_key("--show", to=file.fileno())
    assert "PRIVATE KEY" in (tmp_path / "file").read_text()


def test_a_log_of_ci_does_not_get_it(source):
    done = run_key(CI="true")
    assert (done.returncode, done.stdout) == (2, "")
    assert "log would keep the key" in done.stderr


def test_a_pair_fits_and_is_rotated(source, tmp_path):
    private = tmp_path / "private"
    private.touch(0o600)
    private.write_text(run_key().stdout)
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout
    public = run_key("--public").stdout
    assert public.split()[:2] == derived.split()[:2]
    told = json.loads(run_key("--json").stdout)
    assert "private" not in told
    turned = json.loads(run_key("--rotate", "--json").stdout)
    assert turned["replaced"] == told["fingerprint"] != turned["fingerprint"]
    assert os.stat(turned["path"]).st_mode & 0o777 == 0o600
    assert run_key("--public").stdout != public
    assert turned["fingerprint"] not in run_key("--rotate").stderr.split("remove the old")[0]


@pytest.mark.parametrize("content", ["", "garbage", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_pair_that_is_broken_is_told_and_made_anew(source, tmp_path, content):
    run_key()
    path = tmp_path / "state/deploy-keys/decks.key"
    path.write_text(content)
    done = run_key()
    assert (done.returncode, done.stdout, "--rotate" in done.stderr) == (2, "", True)
    assert run_key("--rotate").stdout.startswith("-----BEGIN")


def test_a_place_that_cannot_be_written_is_named(source, tmp_path):
    (tmp_path / "file").touch()
    done = run_key(EDGEDEPLOY_STATE_DIR=str(tmp_path / "file"))
    assert (done.returncode, "EDGEDEPLOY_STATE_DIR" in done.stderr) == (2, True)


def test_nobody_else_can_put_another_key_there(source, tmp_path):
    subprocess.run(["sh", "-c", 'umask 000; exec "$0" -m edgedeploy ci key --json', sys.executable], check=True, capture_output=True)
    assert (tmp_path / "state/deploy-keys").stat().st_mode & 0o777 == 0o700
