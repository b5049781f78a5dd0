"""[ci] of edgedeploy.toml, and CI's own files that are made of it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import PurePosixPath

import pytest

from edgedeploy.core import errors
from edgedeploy.depot import ci_files, ci_forges, ci_table
from edgedeploy.depot.ci_table import Ci, Target

APP = 'app = "decks"\nboards = ["virtual-armv7"]\n[build]\nkernel = "k"\nramdisk = "r"\nslides = "slides"\n'
WHOLE = """
[ci]
store = "git@forge:me/decks.git"
host_keys = ["SHA256:abc"]
branch = "trunk"
test = "make test"
[ci.unix]
build = "make unix"
test = "true"
[ci.xen-armv7]
build = "make"
deploy = true
[ci.xen-arm64]
build = "make arm64"
kernel = "k64"
boards = ["raspberrypi4"]
"""


def read(text: str) -> Ci | None:
    return ci_table.read(text.encode(), "here")


def test_the_one_that_is_stored_is_what_the_settings_speak_of():
    ci = read(APP + WHOLE)
    assert ci is not None
    unix, armv7, arm64 = ci.targets
    assert ci.stored is armv7
    assert (armv7.kernel, armv7.ramdisk, armv7.boards) == (PurePosixPath("k"), PurePosixPath("r"), ("virtual-armv7",))
    assert (armv7.test, unix.test) == ("make test", "true")
    assert (unix.kernel, unix.boards, arm64.boards) == (None, (), ("raspberrypi4",))
    assert (ci.store, ci.branch, ci.host_keys, ci.slides) == (
        "git@forge:me/decks.git", "trunk", ("SHA256:abc",), PurePosixPath("slides")
    )  # fmt: skip


def test_without_a_table_there_is_none():
    assert read(APP) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ci]\n", "no target is there"),
        ("[ci]\nbuild = 'make'\n", "unknown key 'build'"),
        ("[ci.a]\nbuild = 'x'\ndeploy = true\n", "store: is missing"),
        ("[ci]\nstore='x'\n[ci.a]\nbuild = 'x'\ndeploy = true\n[ci.b]\nbuild = 'x'\ndeploy = true\n", "not a and b"),
        ("[ci.a]\ntest = 'x'\n", "ci: a: build: is missing"),
        ("[ci.a]\nbuild = 'x'\ndepoly = true\n", "did you mean deploy"),
        ("[ci.'a b']\nbuild = 'x'\n", "is not a target"),
        ("[ci.'$(x)']\nbuild = 'x'\n", "is not a target"),
        ("[ci]\nbranch = \"a'b\"\n[ci.a]\nbuild = 'x'\n", "is not a branch"),
        ("[ci.a]\nbuild = 'x'\nboards = ['virtual-armv7']\n", "kernel: is missing"),
        ("[ci.a]\nbuild = 'x'\nkernel = '../k'\n", "not a path inside"),
        ("[ci]\nhost_keys = [1]\n[ci.a]\nbuild = 'x'\n", "not a host key"),
        ("ci = 1\n", "expected a table"),
    ],
)
def test_each_fault_is_named(text, words):
    with pytest.raises(errors.BadConfig) as told:
        read(text + APP if text.startswith("ci =") else APP + text)
    assert words in f"{told.value.message} {told.value.hint}"


@pytest.mark.parametrize(
    "command",
    [
        "[ -f x ] && make\n[network]\n",
        "\U000e0067",
        "make",
        "a\nb",
        'echo "$X" \\',
        "tab\there",
        "caf\u00e9 \u2028",
        "x = '''\n",
    ],
)
def test_what_is_written_is_read_again(command):
    stored = Target("xen-armv7", command, "t", PurePosixPath("k"), None, ("virtual-armv7",))
    written = Ci((Target("unix.1", command, "t"), stored), stored, "git@forge:x", "main", ("SHA256:abc",))
    text = ci_table.text(written)
    tomllib.loads(text)
    assert read('app = "decks"\nboards = ["virtual-armv7"]\n' + text) == written


def made(forge: str, text: str = APP + WHOLE) -> dict[str, str]:
    ci = read(text)
    assert ci is not None
    return {str(path): data for path, data in ci_files.files(ci, "decks", forge, "1.0").items()}


NOT_STORED = "[ci.a]\nbuild = 'make'\n[ci.1.2]\nbuild = 'make'\n".replace("ci.1.2", "ci.'1.2'")


@pytest.mark.parametrize("text", [APP + WHOLE, APP + NOT_STORED])
@pytest.mark.parametrize("forge", ci_forges.PLACES)
def test_what_a_forge_reads_is_what_its_schema_says(tmp_path, forge, text):
    name = str(ci_forges.PLACES[forge])
    file = tmp_path / "ci.yml"
    schema = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}[forge]

    def verdict(content: str) -> tuple[int, str]:
        file.write_text(content)
        argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = verdict(made(forge, text)[name])
    assert code == 0, said
    assert verdict(made(forge, text)[name].replace("matrix:", "matrix: 7\n      x:"))[0] == 1, "it can fail"


def test_only_the_job_that_builds_nothing_has_the_key():
    before, _, after = made("github")[".github/workflows/edgedeploy.yml"].partition("\n  store:\n")
    assert "secrets." not in before
    assert "secrets.EDGEDEPLOY_DEPLOY_KEY" in after
    assert "refs/heads/trunk" in after
    assert "build" not in after.replace("needs: build", "").replace("name: built", "")


@pytest.mark.parametrize("text", [APP + WHOLE, APP + NOT_STORED])
def test_the_script_is_one_for_all_and_a_shell_reads_it(tmp_path, text):
    scripts = {made(forge, text)["ci/edgedeploy.sh"] for forge in ci_files.FORGES}
    assert len(scripts) == 1
    file = tmp_path / "script"
    file.write_text(scripts.pop())
    assert subprocess.run(["sh", "-n", file], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("name", ["esac", "in", "1.0", "case"])
def test_any_target_may_have_its_name(tmp_path, name):
    text = f"{APP}[ci.'{name}']\nbuild = 'echo built'\n"
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/edgedeploy.sh").write_text(made("script", text)["ci/edgedeploy.sh"])
    done = subprocess.run(
        ["sh", tmp_path / "ci/edgedeploy.sh", "build", name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "built" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("branch", ["a..b", "-x", "a b", "a'b", "x.lock", "x/", "a//b", "$(x)", "a`b", 'a"b', "x."])
def test_what_is_no_branch_is_told(branch):
    with pytest.raises(errors.UsageFault, match="is not a branch"):
        ci_table.branch_name(branch)


@pytest.mark.parametrize("branch", ["main", "release/1.0", "feature/\u00e9", "a+b", "1"])
def test_what_is_a_branch_is_taken(branch):
    assert ci_table.branch_name(branch) == branch


def test_names_of_files_are_words_of_the_shell():
    text = APP.replace('"k"', '"a b/$x"').replace('"slides"', '"-talk"') + WHOLE
    script = made("script", text)["ci/edgedeploy.sh"]
    assert "keep 'a b/$x' r ./-talk" in script
    assert "--slides ./-talk" in script
