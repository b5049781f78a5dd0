"""`edgedeploy check` from its command line to its exit code."""

import json
import subprocess
import sys

import pytest

from edgedeploy.cli import main
from edgedeploy.core import packing
from edgedeploy.core.packing import Codec
from tests import kernels


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def _run(*argv):
        code = main.run(["check", *argv])
        out, err = capsys.readouterr()
        return code, out, err

    return _run


@pytest.fixture(autouse=True)
def _files(tmp_path):
    for name, data in {
        "linux": kernels.linux_zimage(),
        "decksopenmirageorg.xen.bz2": packing.pack(kernels.x86_mirage(), Codec.BZ2),
        "initrd.gz": packing.pack(kernels.NOT_KERNELS["initramfs"], Codec.GZ),
    }.items():
        (tmp_path / name).write_bytes(data)


def test_it_fits(run):
    code, out, err = run("linux", "--board", "virtual-armv7", "--ramdisk", "initrd.gz", "--memory", "96")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "linux fits virtual-armv7"
    assert lines[1].startswith("it is a 32-bit ARM Linux kernel (zImage) built for Xen, ")
    assert lines[2].startswith("ramdisk initrd.gz, 110 bytes (")
    assert lines[3].startswith("checked with 96 MB and 1 virtual CPU, ")


def test_it_does_not_fit(run):
    code, out, err = run("decksopenmirageorg.xen.bz2", "--board", "cubieboard2", "--vcpus", "9")
    assert (code, out) == (20, "")
    verdict, arch, vcpus, hint = err.splitlines()
    assert verdict == (
        "edgedeploy: decksopenmirageorg.xen.bz2 is an x86-64 MirageOS (Mini-OS) kernel for Xen PV; "
        "cubieboard2 runs 32-bit ARM (ARMv7)"
    )
    assert arch.startswith("  architecture: x86-64; needs 32-bit ARM (ARMv7). Build it for ARM; what fits is ")
    assert vcpus == "  virtual CPUs: 9; needs 1 to 8. Set vcpus = 2"
    assert hint.startswith("hint: ")


def test_warnings_follow_the_verdict(run):
    code, out, _ = run("linux", "--board", "cubieboard2", "--vcpus", "3", "--memory", "48")
    assert code == 0
    assert out.splitlines()[3:] == [
        "warning: guest memory: 48 MB is tight for Linux. 64 MB is a comfortable least",
        "warning: virtual CPUs: 3 virtual CPUs share 2 real ones. More than 2 makes the guest slower",
    ]


def test_json_is_one_object_whatever_the_verdict(run):
    code, out, err = run("linux", "--board", "cubieboard2", "--json")
    said = json.loads(out)
    assert (code, err, said["fits"], said["board"], said["misfits"]) == (0, "", True, "cubieboard2", [])
    assert [warning["code"] for warning in said["warnings"]] == ["small-version"]
    code, out, err = run("decksopenmirageorg.xen.bz2", "--board", "cubieboard2", "--json")
    said = json.loads(out)
    assert (code, err, said["fits"]) == (20, "", False)
    assert {"kind": "elf", "arch": "x86-64", "codec": "bz2", "xen_guest": None}.items() <= said["artefact"].items()
    assert set(said["misfits"][0]) == {"code", "field", "wanted", "found", "hint"}
    assert {"packed_size", "size", "description"} <= set(said["artefact"])


def test_what_cannot_be_read(run):
    for argv in (["nothing", "--board", "cubieboard2"], [".", "--board", "cubieboard2"], ["linux"]):
        code, out, err = run(*argv)
        assert (code, out) == (2, "")
        assert "hint: " in err


def test_an_unknown_board(run):
    code, _, err = run("linux", "--board", "cubiebord2")
    assert code == 21
    assert "did you mean cubieboard2" in err


def test_a_deployment_repository_is_checked_by_its_committed_release(run, tmp_path):
    repo = tmp_path / "decks"
    kernel = tmp_path / "linux"
    assert run("linux", "--board", "virtual-armv7")[0] == 0
    for argv in (
        ["init", "decks", "--dir", str(repo), "--board", "virtual-armv7"],
        ["release", str(kernel), "--repo", str(repo)],
    ):
        subprocess.run([sys.executable, "-m", "edgedeploy", *argv], check=True, capture_output=True)
    code, out, _ = run(str(repo), "--board", "virtual-armv7")
    assert (code, out.splitlines()[0]) == (0, "decks.xen fits virtual-armv7")
    assert run(str(repo), "--board", "beaglebone-black")[0] == 20
