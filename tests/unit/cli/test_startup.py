"""What a check costs before and beside its work: in packages, in bytes unpacked and in lines of Python."""

import lzma
import random
import subprocess
import sys

import pytest

from edgedeploy.artefact import probe
from edgedeploy.core import packing
from tests import kernels

HEAVY = {"rich", "paramiko", "git", "gitdb", "zeroconf", "cryptography", "serial", "cattrs", "asyncio", "logging"}
"""Packages that a check of one file has no use for; each takes 10 to 100 ms to import."""


@pytest.mark.parametrize(("image", "code"), [(kernels.linux_zimage(), 0), (kernels.x86_mirage(), 20)])
def test_a_check_of_a_file_imports_nothing_it_does_not_need(tmp_path, image, code):
    (tmp_path / "kernel").write_bytes(image)
    script = "import sys; from edgedeploy.cli import main; print(main.run(sys.argv[1:]), *sys.modules)"
    argv = [sys.executable, "-c", script, "check", str(tmp_path / "kernel"), "--board", "cubieboard2"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    assert said[0] == str(code)
    assert "click" in said, "the list is one of modules"
    assert not HEAVY & set(said)


def lines_run(call):
    """How many lines of Python `call` runs: its work, on any machine."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def test_a_kernel_costs_little_more_than_its_unpacking(tmp_path, monkeypatch):
    pick = random.Random(1)  # packs like code: to a quarter
    inner = kernels.linux_payload(size=2000) + b"".join(
        pick.randbytes(12) + bytes(range(36)) + b"\0\0\xa0\xe1" * 4 for _ in range(40_000)
    )
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(kernels.linux_zimage(inner, packed=lzma.compress(inner, preset=0)))
    unpacked, inflate = [], packing.inflate

    def watched(*args, **kwargs):
        for piece in inflate(*args, **kwargs):
            unpacked.append(len(piece))
            yield piece

    monkeypatch.setattr(packing, "inflate", watched)
    lines = lines_run(lambda: probe.inspect(kernel))
    assert sum(unpacked) == len(inner), "once, and all of it"
    assert lines < len(inner) / 500, "no line of Python for each instruction"
