"""`edgedeploy check` from its command line to its exit code."""

import json
import os
import socket
import subprocess
import sys

import pytest

from edgedeploy.cli import main
from edgedeploy.core import cpio, packing
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
        "edgedeploy: decksopenmirageorg.xen.bz2 does not fit cubieboard2; "
        "it is an x86-64 MirageOS (Mini-OS) kernel for Xen PV"
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


def test_warnings_follow_the_misfits_where_the_kernel_could_run(run):
    code, out, err = run("linux", "--board", "cubieboard2", "--memory", "300", "--vcpus", "9", "--gic-version", "v3")
    assert (code, out) == (20, "")
    assert err.splitlines() == [
        "edgedeploy: linux does not fit cubieboard2; it is a 32-bit ARM Linux kernel (zImage) built for Xen",
        "  virtual CPUs: 9; needs 1 to 8. Set vcpus = 2",
        "  interrupt controller: the board has a GICv2; needs a GICv3. "
        'Leave gic_version out, or set it to "default": the guest then gets what the board has',
        "  warning: board memory: too much for the 512 MB version of the board. `xl info` on the board says total_memory",
    ]


@pytest.mark.parametrize(
    ("given", "codes"),
    [("v2", []), ("2", []), ("default", []), ("V2", []), ("v3", ["gic-version"]), ("3", ["gic-version"])],
)
def test_the_interrupt_controller(run, given, codes):
    _, out, _ = run("linux", "--board", "cubieboard2", "--json", "--gic-version", given)
    said = json.loads(out)
    assert [misfit["code"] for misfit in said["misfits"]] == codes
    assert said["gic_version"] in ("v2", "v3", "default")


@pytest.mark.parametrize(
    "options",
    [
        ["--gic-version", "v4"],
        ["--memory", "0"],
        ["--memory", "lots"],
        ["--vcpus", "0"],
        ["--vcpus", "1.5"],
        ["--surprise"],
    ],
)
def test_a_wrong_option_is_usage(run, options):
    code, out, err = run("linux", "--board", "cubieboard2", *options)
    assert (code, out) == (2, "")
    assert "hint: edgedeploy check --help" in err
    code, out, _ = run("linux", "--board", "cubieboard2", "--json", *options)
    assert (code, json.loads(out)["error"]["exit_code"]) == (2, 2)


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


def unreadable(folder):
    """Everything that a path may lead to and that is no file to read."""
    (folder / "plain").mkdir()
    (folder / "link").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "sock"))
    names = [
        "plain",
        "link",
        "loop",
        "pipe",
        "sock",
        "/dev/null",
        "/dev/zero",
        "linux/x",
        "n" * 255,
        "n" * 256,
        "n" * 5000,
        "",
    ]
    subprocess.run(["git", "init", "-q", folder / "git"], check=True)
    return [*names, "git"]


def test_what_is_no_file_to_read(run, tmp_path):
    for name in unreadable(tmp_path):
        for argv in (["--", name], ["linux", f"--ramdisk={name}"]):
            code, out, err = run("--board", "cubieboard2", *argv)
            assert (code, out) == (2, ""), name
            assert err.startswith("edgedeploy: ")
            assert "bug" not in err
            code, out, err = run("--json", "--board", "cubieboard2", *argv)
            assert (code, err) == (2, err)
            assert json.loads(out)["error"]["code"] == "usage-fault"


def test_an_empty_ramdisk_is_named_as_an_empty_target_is(run):
    for argv, said in ((["linux", "--ramdisk", ""], "--ramdisk is empty"), ([""], "TARGET is empty")):
        code, out, err = run("--board", "cubieboard2", *argv)
        assert (code, out) == (2, "")
        assert err.startswith(f"edgedeploy: {said}\nhint: ")


def program(folder, *argv, **env):
    """As a person's shell starts it, with no terminal of its own."""
    command = [sys.executable, "-m", "edgedeploy", *argv]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, start_new_session=True, check=False
    )


def test_a_terminal_that_is_not_ours_is_a_device(tmp_path):
    ended = program(tmp_path, "check", "/dev/tty", "--board", "cubieboard2")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.startswith(b"edgedeploy: /dev/tty is a device, not a file\n")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("\u00e9.bin", b"\\xe9.bin fits"), ("n" * 250, b"n" * 200 + b"\\u2026 fits")],
    ids=["accent", "long"],
)
def test_a_name_that_the_terminal_cannot_show(tmp_path, name, shown):
    (tmp_path / name).write_bytes(kernels.linux_zimage())
    ended = program(tmp_path, "check", name, "--board", "cubieboard2", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(shown)


def test_what_may_not_be_read(run, tmp_path, monkeypatch):
    """A file of somebody else's. As root everything may be read, so the kernel's answer is played."""
    (tmp_path / "theirs").write_bytes(b"x")
    really = os.open
    denied = PermissionError(13, "Permission denied")

    def refuse(path, *args, **kwargs):
        if str(path) == "theirs":
            raise denied
        return really(path, *args, **kwargs)

    monkeypatch.setattr("edgedeploy.artefact.probe.os.open", refuse)
    for argv in (["theirs"], ["linux", "--ramdisk", "theirs"]):
        code, _, err = run(*argv, "--board", "cubieboard2")
        assert (code, err.splitlines()[0]) == (2, "edgedeploy: cannot read theirs: Permission denied")


@pytest.mark.parametrize(
    "name", [b"new\nline", b"\x1b[31mred", b"n\xff\xfe", b"-dash", b"n" * 255, "üé".encode(), b" ", b"t\tab"]
)
def test_a_file_name_may_hold_anything(run, tmp_path, name):
    path = os.fsdecode(os.path.join(os.fsencode(tmp_path), name))
    with open(path, "wb") as file:
        file.write(kernels.linux_zimage())
    code, out, _ = run("--board", "virtual-armv7", "--", os.fsdecode(name))
    assert (code, out.splitlines()[0].endswith(" fits virtual-armv7")) == (0, True)
    assert "\x1b" not in out
    code, out, _ = run("--json", "--board", "virtual-armv7", "--", os.fsdecode(name))
    assert (code, json.loads(out)["fits"]) == (0, True)
    code, _, err = run("--board", "rpi4", "--vcpus", "9", "--", os.fsdecode(name))
    assert (code, len(err.splitlines()), "\x1b" in err) == (20, 2, False)
    code, _, err = run("linux", "--board", "virtual-armv7", "--ramdisk=" + os.fsdecode(name))
    assert (code, "Are kernel and ramdisk swapped?" in err) == (20, True)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: packing.pack(kernels.linux_zimage(), Codec.XZ)[:-50], None),
        (lambda: packing.pack(kernels.linux_zimage(), Codec.GZ)[:-3], None),
        (lambda: packing.pack(bytes(1 << 20), Codec.GZ) * (packing.LIMIT // (1 << 20) + 1), "bomb"),
        (lambda: b"", "empty"),
    ],
)
def test_what_is_wrong_inside_a_file_is_a_misfit(run, tmp_path, make, code):
    (tmp_path / "it").write_bytes(make())
    exit_code, out, err = run("it", "--board", "cubieboard2", "--json")
    said = json.loads(out)
    assert (exit_code, err, said["fits"]) == (20, "", False)
    assert set(said["artefact"]) >= {"kind", "arch", "codec", "packed_size", "size", "xen_guest", "description"}
    assert said["misfits"][0]["code"] == (code or said["misfits"][0]["code"])
    exit_code, out, _ = run("linux", "--ramdisk", "it", "--board", "cubieboard2", "--json")
    assert (exit_code, [misfit["code"] for misfit in json.loads(out)["misfits"]]) == (20, ["ramdisk"])


@pytest.mark.parametrize("codec", [Codec.GZ, Codec.XZ])
def test_a_ramdisk_that_goes_on_after_its_packed_data(run, tmp_path, codec):
    archive = kernels.cpio()
    (tmp_path / "joined").write_bytes(packing.pack(archive, codec) + archive)
    code, out, _ = run("linux", "--ramdisk", "joined", "--board", "cubieboard2", "--json")
    (warning,) = [one for one in json.loads(out)["warnings"] if one["field"] == "ramdisk"]
    assert (code, warning["code"]) == (0, "ramdisk-joined")
    assert f"packed as .{codec}, and more after it: it stays as it is" in warning["found"]
    code, out, _ = run("joined", "--board", "cubieboard2", "--json")
    assert (code, json.loads(out)["misfits"][0]["code"]) == (20, "gz-trailer" if codec is Codec.GZ else "codec-corrupt")
    (tmp_path / "joined").write_bytes(packing.pack(b"<html>", codec) + archive)
    code, _, err = run("linux", "--ramdisk", "joined", "--board", "cubieboard2")
    assert (code, "joined is a web page" in err) == (20, True)


@pytest.mark.parametrize("pack", [bytes, lambda data: packing.pack(data, Codec.XZ)], ids=["plain", "packed"])
def test_a_ramdisk_that_was_cut_off(run, tmp_path, pack):
    archive = cpio.pack([cpio.file("init", b"x" * 5000)])
    for data, code in ((archive, 0), (archive[:3000], 20)):
        (tmp_path / "ramdisk").write_bytes(pack(data))
        found, _, err = run("linux", "--ramdisk", "ramdisk", "--board", "virtual-armv7")
        assert found == code
        assert ("ramdisk: ramdisk is damaged, or was cut off; needs a whole archive" in err) == bool(code)


def test_an_unknown_board(run):
    code, _, err = run("linux", "--board", "cubiebord2")
    assert code == 21
    assert "did you mean cubieboard2" in err
