"""`edgedeploy store` as CI runs it: a real sshd that takes the deploy key alone, no HOME, no user, no terminal, no ssh."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forge as forges
from tests import kernels
from tests.forge import Forge, git
from tests.guard import USUAL_S, until
from tests.sshd import keypair, public


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forges.running(tmp_path) as made:
        yield made


def test_a_build_is_stored_and_stored_once(forge: Forge) -> None:
    first = git(forge.source, "rev-parse", "HEAD")
    code, out, err = forge.store("--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["branch"], told["source"], told["fits"]) == (
        "trunk", {"commit": first, "subject": "Say one"}, ["virtual-armv7"]
    )  # fmt: skip
    assert told["commit"] == git(forge.bare, "rev-parse", "trunk")
    assert f"Source: {first} Say one" in forge.log()
    assert git(forge.bare, "show", "trunk:xen/latest") == told["release"]
    assert "[build]" not in git(forge.bare, "show", "trunk:edgedeploy.toml"), "it speaks of files that are not there"
    assert git(forge.bare, "fsck", "--strict") == ""
    code, out, err = forge.store()
    assert (code, out.startswith("nothing to store"), git(forge.bare, "rev-parse", "trunk")) == (0, True, told["commit"])
    second = forge.edit("two")
    code, out, _ = forge.store()
    assert (code, f"source  {second[:12]} Say two" in out) == (0, True)
    assert git(forge.bare, "rev-parse", "trunk~") == told["commit"], "on top, nothing forced"
    assert not list(forge.tmp.iterdir()), "nothing is left behind"


@pytest.mark.parametrize("depth", [1, 40])
def test_a_folder_for_temporary_files_may_be_deep(forge: Forge, depth: int) -> None:
    deep = forge.tmp.joinpath(*["temporary"] * depth)
    deep.mkdir(parents=True)
    code, _, err = forge.store(TMPDIR=str(deep))
    assert code == 0, err
    assert not list(deep.iterdir())


def test_a_secret_that_is_not_set_is_named(forge: Forge) -> None:
    code, _, err = forge.store(EDGEDEPLOY_DEPLOY_KEY="")
    assert (code, "EDGEDEPLOY_DEPLOY_KEY" in err) == (11, True)


def test_a_pin_holds_where_git_is_told_to_go_by_ssh_instead(forge: Forge) -> None:
    there = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{forge.remote}.insteadOf", "GIT_CONFIG_VALUE_0": "https://forge/x"}
    home = forge.folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "{forge.remote}"]\n insteadOf = https://forge/x\n')
    pin = public(keypair(forge.folder / "another"))
    code, _, err = forge.run("edgedeploy", "store", "--to", "https://forge/x", HOME=str(home), EDGEDEPLOY_DEPLOY_HOST_KEY=pin)
    assert (code, "host key" in err) == (12, True)
    code, _, err = forge.run("edgedeploy", "store", "--to", "https://forge/x", HOME=str(home), **there)
    assert code == 0, err


def test_two_that_store_at_once_are_both_in_history(forge: Forge) -> None:
    """The second comes while the first one's objects are with the forge already, and its branch is about to move."""
    forge.store()
    forge.edit("early")
    late = forge.folder / "late"
    shutil.copytree(forge.source, late)
    (late / "slides/index.html").write_text("<h1>late</h1>")
    git(late, "commit", "--quiet", "--all", "-m", "Say late")
    program = Path(sys.executable).with_name("edgedeploy")
    forge.hook(
        "pre-receive",
        f'[ -e "{forge.folder}/once" ] && exit 0; : > "{forge.folder}/once"\n'
        f'cd "{late}"; unset $(git rev-parse --local-env-vars) GIT_QUARANTINE_PATH; "{program}" store --to "{forge.bare}" >&2',
    )
    code, out, err = forge.store("--json")
    assert code == 0, err
    assert json.loads(out)["attempts"] == 2
    assert [line.split(" ", 2)[2] for line in forge.log() if line.startswith("Source: ")] == ["Say one", "Say late", "Say early"]
    assert git(forge.bare, "show", "trunk:xen/latest") == json.loads(out)["release"]


def test_what_does_not_fit_is_not_stored(forge: Forge) -> None:
    forge.store()
    before = git(forge.bare, "rev-parse", "trunk")
    (forge.source / "kernel").write_bytes(kernels.x86_mirage())
    code, _, err = forge.store()
    assert (code, "x86" in err) == (20, True)
    assert git(forge.bare, "rev-parse", "trunk") == before


def test_a_forge_that_refuses_is_quoted_and_not_asked_again(forge: Forge) -> None:
    forge.hook("pre-receive", f'echo x >> "{forge.folder}/asked"; echo "this branch is protected" >&2; exit 1')
    code, _, err = forge.store()
    assert code == 22
    assert "this branch is protected" in err
    assert (forge.folder / "asked").read_text() == "x\n"


def test_a_key_that_the_forge_does_not_know(forge: Forge) -> None:
    other = keypair(forge.folder / "other")
    code, _, err = forge.store(EDGEDEPLOY_DEPLOY_KEY=other.read_text())
    assert (code, "does not take the deploy key" in err) == (11, True)
    assert " ".join(public(other).split()[:2]) in err, "what to add there"
    assert other.read_text().split("\n")[2] not in err


def test_a_host_that_nobody_vouches_for(forge: Forge) -> None:
    code, _, err = forge.store(EDGEDEPLOY_DEPLOY_HOST_KEY="")
    assert (code, "--host-key" in err, forge.sshd.host_key.fingerprint in err) == (11, True, True)
    code, _, err = forge.store("--host-key", forge.sshd.host_key.fingerprint, EDGEDEPLOY_DEPLOY_HOST_KEY="")
    assert code == 0, err
    let_in = forge.sshd.log.count("Accepted publickey")
    code, _, err = forge.store(EDGEDEPLOY_DEPLOY_HOST_KEY=public(keypair(forge.folder / "another")))
    assert (code, "host key" in err) == (12, True)
    assert forge.sshd.log.count("Accepted publickey") == let_in, "a stranger is told nothing"


@pytest.mark.parametrize("how", ["goes well", "fails", "is killed"])
def test_the_key_is_in_no_file_argument_or_environment(forge: Forge, how: str) -> None:
    """Looked at while the forge holds the push: then everything that is ever started has been."""
    forge.hook("pre-receive", f': > "{forge.folder}/there"; read go < "{forge.folder}/go"; exit {int(how == "fails")}')
    os.mkfifo(forge.folder / "go")
    process = forge.start(
        "edgedeploy", "-v", "store", "--to", forge.remote, GIT_TRACE="1", GIT_TRACE_PACKET="1", GIT_TRACE_SETUP="1"
    )  # fmt: skip
    until((forge.folder / "there").exists, "the push is with the forge")
    # what its caller gave it stands in its own environment, where only its caller's user can read it
    assert forge.secret_in() == [f"/proc/{process.pid}/environ"]
    if how == "is killed":
        os.kill(process.pid, signal.SIGKILL)
    (forge.folder / "go").write_text("on\n")
    out, err = process.communicate(timeout=USUAL_S)
    assert process.returncode == {"goes well": 0, "fails": 22, "is killed": -signal.SIGKILL}[how], err
    assert forge.key.read_text().split("\n")[3] not in out + err
    until(lambda: not forge.secret_in(), "nothing of it is left")
    if how == "is killed":  # and the next one clears up
        (forge.bare / "hooks/pre-receive").unlink()
        assert forge.store()[0] == 0
    assert not list(forge.tmp.iterdir())
