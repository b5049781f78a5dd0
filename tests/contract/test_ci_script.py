"""What `edgedeploy ci init` writes, run as CI runs it: with nobody's environment, a real sshd, and builds that look around."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forge as forges
from tests import kernels
from tests.forge import Forge, git

CI = """
[ci]
store = "{remote}"
host_keys = ["{pin}"]
test = "env > ../test.env; test -s made"

[ci.unix]
build = "echo built for unix"

[ci.xen-armv7]
build = '''
env > ../build.env
cp made kernel
'''
deploy = true
"""


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forges.running(tmp_path) as made:
        (made.source / "made").write_bytes(kernels.linux_zimage())
        (made.source / "kernel").unlink()
        (made.source / ".gitignore").write_text("/kernel\n")
        settings = made.source / "edgedeploy.toml"
        settings.write_text(settings.read_text() + CI.format(remote=made.remote, pin=made.sshd.host_key.fingerprint))
        subprocess.run(
            [Path(sys.executable).with_name("edgedeploy"), "ci", "init", "--script"], cwd=made.source, check=True
        )
        made.edit("one")
        yield made


def job(forge: Forge, *args: str, **env: str) -> tuple[int, str, str]:
    return forge.run("sh", *args[: args[0] == "-x"], "ci/edgedeploy.sh", *args[args[0] == "-x" :], **env)


def stored(forge: Forge) -> list[str]:
    heads = git(forge.bare, "for-each-ref", "--format=%(refname:short)")
    return [line.split(" ", 2)[2] for line in forge.log() if line.startswith("Source: ")] if heads else []


@pytest.mark.parametrize("how", ["at once", "job by job"])
def test_a_push_is_built_tested_checked_and_stored(forge: Forge, how: str) -> None:
    if how == "at once":
        code, out, err = job(forge, "all", EDGEDEPLOY_DEPLOY_HOST_KEY="")
        assert code == 0, out + err
        assert [line for line in out.split("\n") if line.startswith("== ")] == [
            "== build unix", "== test unix", "== build xen-armv7", "== test xen-armv7",
            "== check xen-armv7 for virtual-armv7", "== store",
        ]  # fmt: skip
    else:
        for target in ("unix", "xen-armv7"):
            assert job(forge, "build", target, EDGEDEPLOY_DEPLOY_KEY="")[0] == 0
        assert stored(forge) == []
        git(forge.source, "clean", "-fdx", "-e", ".edgedeploy-ci")  # another machine: it has the commit and the artifact
        code, out, err = job(forge, "store")
        assert code == 0, out + err
    assert stored(forge) == ["Say one"]
    assert git(forge.source, "status", "--porcelain") == "", "what CI made is in nobody's way"


def test_what_fails_its_check_is_not_stored(forge: Forge) -> None:
    job(forge, "all")
    before = git(forge.bare, "rev-parse", "trunk")
    (forge.source / "made").write_bytes(kernels.x86_mirage())
    forge.edit("two")
    code, out, err = job(forge, "all")
    assert (code, "x86" in out + err) == (20, True)
    assert git(forge.bare, "rev-parse", "trunk") == before


def test_a_test_that_fails_ends_it(forge: Forge) -> None:
    (forge.source / "made").write_bytes(b"")
    forge.edit("nothing")
    code, out, _ = job(forge, "all")
    assert code != 0
    assert "== check" not in out
    assert stored(forge) == []


@pytest.mark.parametrize(
    ("env", "kept"),
    [
        ({}, True),
        ({"GITHUB_REF_NAME": "main"}, True),
        ({"GITHUB_REF_NAME": "12/merge"}, False),
        ({"CI_COMMIT_BRANCH": "try"}, False),
        ({"CI_COMMIT_BRANCH": "main"}, True),
    ],
)
def test_only_the_default_branch_is_stored(forge: Forge, env: dict[str, str], kept: bool) -> None:
    code, out, err = job(forge, "all", **env)
    assert code == 0, out + err
    assert (stored(forge) == ["Say one"]) is kept
    assert ("not stored" in out) is not kept


def test_no_build_test_or_trace_has_the_key(forge: Forge) -> None:
    code, out, err = job(forge, "-x", "all", GIT_TRACE="1")
    assert code == 0, out + err
    told = [out, err, *((forge.folder / name).read_text() for name in ("build.env", "test.env"))]
    assert "PATH=" in told[2], "the build did look"
    for line in forge.key.read_text().split("\n")[1:-2]:
        assert not any(line in text for text in told)
    assert forge.secret_in() == []


def test_a_push_that_fails_does_not_tell_the_key(forge: Forge) -> None:
    forge.hook("pre-receive", "env; exit 1")
    code, out, err = job(forge, "-x", "all", GIT_TRACE="1")
    assert code == 22
    for line in forge.key.read_text().split("\n")[1:-2]:
        assert line not in out + err
    assert forge.secret_in() == []


@pytest.mark.parametrize("how", [(), ("-a",)])
def test_a_build_does_not_inherit_the_key_whatever_is_exported(forge: Forge, how: tuple[str, ...]) -> None:
    settings = forge.source / "edgedeploy.toml"
    look = "env > ../build.env; tr '\\\\0' '\\\\n' < /proc/$PPID/environ >> ../build.env"
    settings.write_text(settings.read_text().replace("env > ../build.env", look))
    forge.run("edgedeploy", "ci", "init", "--script", "--force")
    code, _, err = forge.run("sh", *how, "ci/edgedeploy.sh", "build", "xen-armv7", key="exported")
    assert code == 0, err
    told = (forge.folder / "build.env").read_text()
    assert "PATH=" in told
    assert forge.key.read_text().split("\n")[1] not in told


def test_what_a_build_removed_is_not_stored(forge: Forge) -> None:
    (forge.source / "slides/draft.html").write_text("not yet")
    settings = forge.source / "edgedeploy.toml"
    settings.write_text(settings.read_text().replace("cp made kernel", "cp made kernel; rm slides/draft.html"))
    forge.run("edgedeploy", "ci", "init", "--script", "--force")
    forge.edit("without the draft")
    assert job(forge, "build", "xen-armv7")[0] == 0
    git(forge.source, "checkout", "--", "slides")
    code, out, err = job(forge, "store")
    assert code == 0, out + err
    assert "draft" not in git(forge.bare, "show", "trunk:xen/" + git(forge.bare, "show", "trunk:xen/latest") + "/manifest.json")


def test_nothing_built_and_no_branch_are_told(forge: Forge) -> None:
    code, _, err = job(forge, "store")
    assert (code, "nothing was built" in err) == (2, True)
    git(forge.source, "checkout", "-q", "--detach")
    code, _, err = job(forge, "store")
    assert (code, "EDGEDEPLOY_BRANCH" in err) == (2, True)
    git(forge.source, "tag", "main")
    git(forge.source, "checkout", "-q", "refs/heads/main", "-B", "main")
    assert "nothing was built" in job(forge, "store")[2], "a tag of its name makes it no other branch"


def test_what_is_no_target_is_named(forge: Forge) -> None:
    code, _, err = job(forge, "build", "arm64")
    assert (code, "no target arm64; there are: unix, xen-armv7" in err) == (2, True)
