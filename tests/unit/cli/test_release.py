"""`edgedeploy release`, from the command line to the commit; and that what does not fit is refused."""

import json
import lzma
import random
import struct

import pytest

from edgedeploy.core import cpio, packing
from tests.unit.depot.conftest import git

HVC_XEN = b"\x71\xea\x40\xe1"  # HVC #0xEA1: the hypercall by which a Xen guest is known


def zimage(size=40_000):
    """A 32-bit ARM zImage as small as the format allows: header, end = size, one hypercall."""
    header = b"\x00\x00\xa0\xe1" * 8 + b"\x03\x00\x00\xea" + struct.pack("<III", 0x016F2818, 0, size)
    return (header + struct.pack("<I", 0x04030201) + HVC_XEN * 4).ljust(size, b"\0")


def x86_elf():
    return (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1)).ljust(5000, b"\0")


@pytest.fixture
def repo(edgedeploy, tmp_path, monkeypatch):
    assert edgedeploy("init", "decks", "--address", "10.0.2.20/24", "--slides")[0] == 0
    (tmp_path / "vmlinuz").write_bytes(zimage())
    (tmp_path / "x86").write_bytes(x86_elf())
    (tmp_path / "base.cpio").write_bytes(cpio.pack([cpio.file("init", b"#!/bin/sh\n", 0o755)]))
    monkeypatch.chdir(tmp_path / "decks")
    return tmp_path / "decks"


def test_a_release(edgedeploy, repo):
    code, out, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio", "--id", "talk-1")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "release  talk-1"
    assert lines[1].startswith("kernel   40.0 kB -> ")
    assert lines[2].startswith("ramdisk  ")
    assert "fits     virtual-armv7" in lines
    assert lines[-1] == "next     edgedeploy push"
    assert f"commit   {git(repo, 'rev-parse', '--short=12', 'HEAD')}" in lines
    assert "packing the kernel: done" in err
    again = edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio")
    assert again[1].splitlines()[0] == "release  talk-1  (unchanged: nothing was committed)"


def test_json_and_defaults_from_the_repository(edgedeploy, repo, tmp_path, monkeypatch):
    (repo / "guest").mkdir()
    (repo / "guest/vmlinuz").write_bytes(zimage())
    (repo / "guest/base.cpio").write_bytes((tmp_path / "base.cpio").read_bytes())
    toml = repo / "edgedeploy.toml"
    toml.write_text(toml.read_text().replace('# kernel = "', 'kernel = "').replace('# ramdisk = "', 'ramdisk = "'))
    monkeypatch.chdir(repo / "slides")
    code, out, err = edgedeploy("release", "--json", "--codec", "gz")
    assert code == 0, err
    said = json.loads(out)
    assert said["commit"] == git(repo, "rev-parse", "HEAD")
    assert (said["unchanged"], said["fits"]) == (False, ["virtual-armv7"])
    assert [a["codec"] for a in said["manifest"]["artefacts"]] == ["gz", "gz"]
    assert "/" in said["manifest"]["health"]["serves"]


def test_what_does_not_fit_is_refused_and_nothing_changes(edgedeploy, repo):
    before = git(repo, "rev-parse", "HEAD")
    code, _, err = edgedeploy("release", "../x86", "--ramdisk", "../base.cpio")
    assert code == 20
    assert "virtual-armv7" in err
    assert git(repo, "rev-parse", "HEAD") == before
    assert git(repo, "status", "--porcelain") == ""
    code, out, err = edgedeploy("release", "../x86", "--ramdisk", "../base.cpio", "--force")
    assert code == 0
    assert "warning: does not fit virtual-armv7" in err
    assert "fits" not in out


def test_slides_that_no_longer_fit_the_memory(edgedeploy, repo):
    toml = repo / "edgedeploy.toml"
    toml.write_text(toml.read_text().replace("memory = 96", "memory = 16"))
    assert edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio")[0] == 0
    (repo / "slides/film.bin").write_bytes(bytes(20 << 20))
    code, _, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio")
    assert code == 20, err
    assert "memory" in err
    assert "packing" not in err, "half a minute for a large talk"
    (said,) = [line for line in err.splitlines() if "Set memory = " in line]
    enough = said.partition("Set memory = ")[2].split()[0]
    toml.write_text(toml.read_text().replace("memory = 16", f"memory = {enough}"))
    code, _, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio")
    assert code == 0, f"what is named is enough: {err}"


def test_no_boards_no_check(edgedeploy, repo):
    toml = repo / "edgedeploy.toml"
    toml.write_text(toml.read_text().replace('boards = ["virtual-armv7"]', "boards = []"))
    code, _, err = edgedeploy("release", "../x86", "--ramdisk", "../base.cpio")
    assert code == 0
    assert "names no boards" in err


def test_refusals(edgedeploy, repo, tmp_path, monkeypatch):
    for argv, code, why in (
        (("release",), 2, "which kernel?"),
        (("release", "../none"), 2, "none"),
        (("release", "../vmlinuz"), 2, "slides need a ramdisk"),
        (("release", "../vmlinuz", "--id", "../x"), 2, "not a valid release id"),
        (("release", "../vmlinuz", "--codec", "rar"), 2, "rar"),
        (("release", "../vmlinuz", "--repo", tmp_path), 22, "not in a git repository"),
    ):
        got, _, err = edgedeploy(*argv)
        assert (got, why in err) == (code, True), err
    (repo / "edgedeploy.toml").write_text("app = 3")
    assert edgedeploy("release", "../vmlinuz", "--repo", repo)[0] == 21
    monkeypatch.chdir(tmp_path)
    assert edgedeploy("release", "vmlinuz")[0] == 2


def test_a_release_warns_about_what_the_guest_will_lack(edgedeploy, repo):
    (repo / "xl.conf.in").write_text("name = '@NAME@'\ndisk = ['phy:/dev/sda,xvda,w']\non_crash = 'restart'\n")
    toml = (repo / "edgedeploy.toml").read_text()
    (repo / "edgedeploy.toml").write_text(
        toml.replace("memory = 96", "memory = 96\nvcpus = 3").replace("vcpus = 1\n", "")
    )
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "both")
    code, _, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../base.cpio")
    assert code == 0, err
    warnings = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert [line.split(" ")[1] for line in warnings] == ["disk", "virtual"]
    assert "edgedeploy.toml is what counts" in warnings[0]


@pytest.mark.parametrize(("content", "codec"), [(random.Random(1).randbytes(90_000), "none"), (b"x" * 90_000, "xz")])
def test_a_ramdisk_of_archives_packed_differently_is_released_as_it_is(edgedeploy, repo, content, codec):
    archive = cpio.pack([cpio.file("init", content)])
    joined = packing.pack(archive, packing.Codec.GZ) + (b"" if codec == "none" else archive) + bytes(512)
    joined += cpio.pack([cpio.file("init", b"#!/bin/sh\n", 0o755)])
    (repo.parent / "joined").write_bytes(joined)
    toml = repo / "edgedeploy.toml"
    with_slides = toml.read_text()
    toml.write_text(
        with_slides.replace('slides = "', '# slides = "').replace("boards = []", 'boards = ["virtual-armv7"]')
    )
    code, out, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../joined", "--json")
    assert (code, "and more after it: it stays as it is" in err) == (0, True), err
    folder = repo / "xen" / json.loads(out)["release"]
    told = json.loads((folder / "manifest.json").read_text())["artefacts"][1]
    assert (told["codec"], told["size"]) == (codec, len(joined))
    packed = (folder / told["file"]).read_bytes()
    assert (packed if codec == "none" else lzma.decompress(packed)) == joined
    toml.write_text(with_slides)
    code, _, err = edgedeploy("release", "../vmlinuz", "--ramdisk", "../joined")
    assert (code, "slides cannot be added to it" in err) == (2, True)
