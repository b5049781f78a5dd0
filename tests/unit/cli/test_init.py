"""`edgedeploy init`, from the command line to the commit."""

import json

from tests import kernels
from tests.unit.depot.conftest import git


def test_a_new_repository(edgedeploy, tmp_path):
    code, out, err = edgedeploy("init", "decks", "--address", "10.0.2.20/24", "--gateway", "10.0.2.2", "--slides")
    assert (code, err) == (0, "")
    assert f"{tmp_path / 'decks'} is the deployment repository of decks" in out
    assert "edgedeploy release KERNEL" in out
    toml = (tmp_path / "decks/edgedeploy.toml").read_text()
    assert 'boards = ["virtual-armv7"]' in toml
    assert 'address = "10.0.2.20/24"' in toml
    assert 'slides = "slides"' in toml
    assert git(tmp_path / "decks", "branch", "--show-current") == "main"
    assert git(tmp_path / "decks", "status", "--porcelain") == ""


def test_json(edgedeploy, tmp_path):
    code, out, _ = edgedeploy("init", "decks", "--dir", "elsewhere", "--json")
    assert code == 0
    said = json.loads(out)
    assert said["path"] == str(tmp_path / "elsewhere")
    assert said["commit"] == git(tmp_path / "elsewhere", "rev-parse", "HEAD")
    assert "edgedeploy.toml" in said["files"]


def test_a_folder_in_use_is_left_alone(edgedeploy, tmp_path):
    (tmp_path / "decks").mkdir()
    (tmp_path / "decks/talk.md").write_text("mine")
    code, _, err = edgedeploy("init", "decks")
    assert code == 2
    assert "is not empty" in err
    assert [p.name for p in (tmp_path / "decks").iterdir()] == ["talk.md"]


def test_add_to_a_repository(edgedeploy, tmp_path):
    git(tmp_path, "init", "-q", "decks")
    assert edgedeploy("init", "decks")[0] == 2
    assert edgedeploy("init", "decks", "--add")[0] == 0
    code, _, err = edgedeploy("init", "decks", "--add")
    assert code == 2
    assert "already" in err


def test_nobody_s_name(edgedeploy, git_home):
    (git_home / "gitconfig").write_text("")
    code, _, err = edgedeploy("init", "decks")
    assert code == 0
    assert err.count("git does not know your name") == 1
    (git_home / "kernel").write_bytes(kernels.zimage())
    code, out, err = edgedeploy("release", str(git_home / "kernel"), "--repo", "decks")
    assert code == 0, err
    assert "does not know" not in err, "it was said once"
    assert out.splitlines()[-1] == "next     edgedeploy push decks", "as it is typed from here"


def test_refusals(edgedeploy, tmp_path):
    for argv, code, why in (
        (("init", "Decks"), 2, "not a valid app name"),
        (("init", "decks", "--board", "toaster"), 21, "no board profile"),
        (("init", "decks", "--address", "10.0.2.20"), 2, "no network part"),
        (("init", "decks", "--address", "10.0.2.20/24", "--gateway", "x"), 2, "not an address"),
        (("init", "decks", "--gateway", "10.0.2.2"), 2, "needs an address"),
        (("init", "decks", "--address", "10.0.2.20/24", "--gateway", "9.9.9.9"), 21, "not in the network"),
    ):
        got, _, err = edgedeploy(*argv)
        assert (got, why in err) == (code, True), err
    assert not (tmp_path / "decks").exists()


def test_a_program_in_place_of_a_guest(edgedeploy, tmp_path):
    code, out, err = edgedeploy("init", "web", "--runtime", "unix", "--address", "127.0.0.1/8", "--slides")
    assert (code, err) == (0, "")
    assert "edgedeploy release PROGRAM --slides slides" in out
    assert 'runtime = "unix"' in (tmp_path / "web/edgedeploy.toml").read_text()
    (tmp_path / "server").write_text("#!/bin/sh\n")
    code, _, err = edgedeploy("release", "server", "--slides", "web/slides", "--repo", "web")
    assert code == 0, err
    code, _, err = edgedeploy("init", "mail", "--board", "unix-host")
    assert code == 2
    assert "hint: edgedeploy init mail --runtime unix --board unix-host" in err


def test_the_runtime_is_changed_by_a_release_or_not_at_all(edgedeploy, tmp_path):
    assert edgedeploy("init", "decks", "--address", "127.0.0.1/8")[0] == 0
    toml = tmp_path / "decks/edgedeploy.toml"
    before = toml.read_text()
    (tmp_path / "program").write_bytes(kernels.zimage())
    code, _, err = edgedeploy("release", "program", "--runtime", "unix", "--repo", "decks")
    assert code == 20
    assert "it cannot run on unix-host" in err
    assert toml.read_text() == before
    (tmp_path / "program").write_text("#!/bin/sh\n")
    code, _, err = edgedeploy("release", "program", "--runtime", "unix", "--repo", "decks")
    assert code == 0, err
    assert 'says runtime = "unix" now, and what is for guests of Xen is commented out there' in err
    assert 'runtime = "unix"' in git(tmp_path / "decks", "show", "HEAD:edgedeploy.toml")
    assert git(tmp_path / "decks", "status", "--porcelain") == ""
