"""What a check costs before and beside its work. Seconds are the processor's: a busy machine does not add to them."""

import lzma
import os
import random
import subprocess
import sys

import pytest

from tests import kernels

HEAVY = {"rich", "paramiko", "git", "gitdb", "zeroconf", "cryptography", "serial", "cattrs", "asyncio", "logging"}
"""Packages that a check of one file has no use for; each takes 10 to 100 ms to import."""


def cpu_seconds(argv):
    """User and system time of a command that ends well; the least of three runs."""
    took = []
    for _ in range(3):
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        took.append(usage.ru_utime + usage.ru_stime)
    return min(took)


@pytest.mark.parametrize(("image", "code"), [(kernels.linux_zimage(), 0), (kernels.x86_mirage(), 20)])
def test_a_check_of_a_file_imports_nothing_it_does_not_need(tmp_path, image, code):
    (tmp_path / "kernel").write_bytes(image)
    script = "import sys; from edgedeploy.cli import main; print(main.run(sys.argv[1:]), *sys.modules)"
    argv = [sys.executable, "-c", script, "check", str(tmp_path / "kernel"), "--board", "cubieboard2"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    assert said[0] == str(code)
    assert "click" in said, "the list is one of modules"
    assert not HEAVY & set(said)


def test_a_kernel_of_debians_size_costs_little_more_than_its_unpacking(tmp_path):
    pick = random.Random(1)  # packs like code: to a quarter
    inner = kernels.linux_payload(size=2000) + b"".join(
        pick.randbytes(12) + bytes(range(36)) + b"\0\0\xa0\xe1" * 4 for _ in range(320_000)
    )
    packed = lzma.compress(inner, preset=0)
    assert 4e6 < len(packed) < 8e6
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(kernels.linux_zimage(inner, packed=packed))
    (tmp_path / "vmlinuz.xz").write_bytes(packed)
    unpack = f"import lzma; lzma.open({str(tmp_path / 'vmlinuz.xz')!r}).read()"
    check = cpu_seconds([sys.executable, "-m", "edgedeploy", "check", str(kernel), "--board", "cubieboard2"])
    alone = cpu_seconds([sys.executable, "-c", unpack])
    print(f"check {check:.2f} s, unpacking alone {alone:.2f} s")
    assert check < 2 * alone + 0.5
