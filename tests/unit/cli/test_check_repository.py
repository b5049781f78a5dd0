"""`edgedeploy check` of deployment repositories: ours, and those of the original scripts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgedeploy
from edgedeploy.core import packing
from edgedeploy.core.packing import Codec
from edgedeploy.remote.known import KnownBoard, KnownBoards
from tests import kernels
from tests.unit.cli.test_check import _files, run

__all__ = ["_files", "run"]


def test_a_deployment_repository_is_checked_by_its_committed_release(run, tmp_path, monkeypatch):
    repo = tmp_path / "decks"
    kernel = tmp_path / "linux"
    assert run("linux", "--board", "virtual-armv7")[0] == 0
    _edgedeploy("init", "decks", "--dir", repo, "--board", "virtual-armv7")
    _edgedeploy("release", kernel, "--repo", repo)
    code, out, _ = run(str(repo), "--board", "virtual-armv7")
    assert (code, out.splitlines()[0]) == (0, "decks.xen fits virtual-armv7")
    assert run(str(repo), "--board", "beaglebone-black")[0] == 20
    # its own kind of board, and the repository one stands in
    assert run(str(repo))[1].splitlines()[0] == "decks.xen fits virtual-armv7"
    monkeypatch.chdir(repo)
    assert run()[1].splitlines()[0] == "decks.xen fits virtual-armv7"
    toml, text = repo / "edgedeploy.toml", (repo / "edgedeploy.toml").read_text()
    toml.write_text(text.replace('["virtual-armv7"]', '["virtual-armv7", "cubieboard2"]'))
    code, _, err = run()
    assert (code, "meant for virtual-armv7 and cubieboard2" in err, "say which: --board virtual-armv7" in err) == (2, True, True)
    toml.write_text(text)
    monkeypatch.chdir(tmp_path)
    # an app's name is that app, as for push; a file of that name is that file
    (tmp_path / "edgedeploy").mkdir(exist_ok=True)
    for folder in (tmp_path, tmp_path / "edgedeploy"):
        (folder / "config.toml").write_text(f'[apps.talk]\npath = "{repo}"\n[apps.linux]\npath = "{repo}"\n')
    code, out, err = run("talk", "--board", "virtual-armv7")
    assert (code, err, out.splitlines()[0]) == (0, "", "decks.xen fits virtual-armv7")
    assert run("linux", "--board", "virtual-armv7")[1].startswith("linux fits")
    (tmp_path / "talk").mkdir()
    assert run("talk", "--board", "virtual-armv7")[0] == 0
    # a committed file that is not what the manifest says would be refused by the board
    kernel = next(repo.glob("xen/*/decks.xen*"))
    kernel.write_bytes(kernel.read_bytes() + b"x")
    subprocess.run(["git", "-C", repo, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "x"], check=True)
    code, _, err = run(str(repo), "--board", "virtual-armv7")
    assert (code, "is not the file its manifest describes" in err) == (22, True)


def test_what_was_edited_since_the_release_is_said_to_be_unchecked(run, tmp_path):
    repo = tmp_path / "decks"
    _edgedeploy("init", "decks", "--dir", repo, "--board", "virtual-armv7")
    (repo / "linux").write_bytes(whole := (tmp_path / "linux").read_bytes())
    _edgedeploy("release", repo / "linux", "--repo", repo)
    assert run(str(repo))[2] == ""
    (repo / "linux").write_bytes(whole + b"x")
    code, out, err = run(str(repo))
    assert (code, out.splitlines()[0]) == (0, "decks.xen fits virtual-armv7")
    assert err.startswith("NOT checked, edited since ")
    assert err.endswith(": linux (to release and check it: edgedeploy push)\n")


def _edgedeploy(*argv):
    subprocess.run([sys.executable, "-m", "edgedeploy", *argv], check=True, capture_output=True)


LACKS = "the profile allows it, but a release does not carry it: the guest starts without that hardware"
ORIGINAL = """\
name = '@NAME@'
memory = '256'
kernel = '@KERNEL@'
vif = ['bridge=xenbr0']
on_crash = 'restart'
"""


@pytest.fixture
def original(tmp_path):
    """A repository as the original scripts left it; returns what puts a kernel and an xl.conf.in into it."""
    root = tmp_path / "original"
    release = root / "xen/08174d6b"
    release.mkdir(parents=True)
    (root / "xen/latest").write_text("08174d6b\n")
    subprocess.run(["git", "init", "-q", root], check=True)

    def put(kernel, conf=ORIGINAL):
        (release / "decks.xen.bz2").write_bytes(kernel)
        (root / "xl.conf.in").write_text(conf)
        git = ["git", "-C", root, "-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "deploy"], check=True)
        return "original"

    return put


def test_an_original_repository_is_linted(run, original):
    good = packing.pack(kernels.zimage(), Codec.BZ2)
    code, out, _ = run(original(good), "--board", "virtual-armv7")
    assert code == 0
    assert out.splitlines()[0] == "decks.xen.bz2 fits virtual-armv7"
    assert out.splitlines()[-1] == (
        "warning: on_crash (xl.conf.in): 'restart' starts a guest that fails at once again and again; edgedeploy sets "
        "'preserve' instead. Nothing to do: when a guest fails, the release before it is put back"
    )
    conf = ORIGINAL + "memroy = 1\ndisk = ['phy:/dev/sda,xvda,w']\nirqs = [88]\nvcpus = 'many'\ngic_version = 'v3'\n"
    code, out, err = run(original(good, conf), "--board", "virtual-armv7", "--json")
    said = json.loads(out)
    assert (code, err) == (20, "")
    assert [misfit["code"] for misfit in said["misfits"]] == ["gic-version", "option-value", "disk", "passthrough"]
    assert {warning["code"] for warning in said["warnings"]} == {"on-crash", "option-unknown"}
    # what the command line says counts over the file
    code, out, _ = run(
        original(good, ORIGINAL + "gic_version = 'v3'"), "--board", "virtual-armv7", "--gic-version", "v2"
    )
    assert (code, "GICv2" in out) == (0, True)


def test_a_profile_may_allow_passthrough_and_then_says_what_the_guest_will_lack(run, original, tmp_path, monkeypatch):
    good = packing.pack(kernels.zimage(), Codec.BZ2)
    ours = (Path(edgedeploy.__file__).parents[1] / "boards/virtual-armv7.toml").read_text()
    monkeypatch.setenv("EDGEDEPLOY_BOARDS", str(tmp_path))
    (tmp_path / "mine.toml").write_text(ours.replace("\ngic = 2", '\ngic = 2\npassthrough = ["irqs", "dtdev"]'))
    repository = original(good, ORIGINAL + "irqs = [88]\n")
    for board, exit_code in (("mine", 0), ("virtual-armv7", 20)):
        code, out, _ = run(repository, "--board", board, "--json")
        said = json.loads(out)
        assert (code, [one["code"] for one in said["misfits"]]) == (exit_code, ["passthrough"] if exit_code else [])
        lacks = [one["found"] for one in said["warnings"] if one["code"] == "option-ignored"]
        assert lacks == ([] if exit_code else [LACKS])
    code, out, _ = run(original(good, ORIGINAL + "irqs = [88]\niomem = ['1,1']\n"), "--board", "mine", "--json")
    assert [one["field"] for one in json.loads(out)["misfits"]] == ["iomem (xl.conf.in)"]


def test_a_damaged_kernel_in_a_repository_is_a_misfit_like_any_other(run, original):
    code, out, _ = run(original(packing.pack(kernels.zimage(), Codec.BZ2)[:-9]), "--board", "virtual-armv7", "--json")
    said = json.loads(out)
    assert (code, said["fits"], said["artefact"]["codec"]) == (20, False, "bz2")
    code, _, err = run(original(b"x", "import os"), "--board", "virtual-armv7")
    assert (code, "is not a plain" in err) == (22, True)


def test_which_kind_is_asked_with_those_that_are_enrolled(run, original, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path / "state"))
    repository = original(packing.pack(kernels.zimage(), Codec.BZ2))
    code, _, err = run(repository)
    assert (code, "which kind of board?" in err, "say which: --board PROFILE" in err) == (2, True, True)
    known = KnownBoards(tmp_path / "state")
    for number, kind in enumerate(("rpi4", "cubieboard2", "rpi4")):
        known.remember(KnownBoard(f"{number:016x}", f"b{number}", kind, "root", ("192.0.2.1",), 22))
    assert "say which: --board rpi4 (or cubieboard2); `edgedeploy boards` lists them all" in run(repository)[2]
