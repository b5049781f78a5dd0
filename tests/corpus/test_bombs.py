"""A file that unpacks to 2 GiB is seen for what it is in under 150 MB, whatever it is packed with and wherever the bomb is.

How long that takes is measured by bench.check; a bomb that was unpacked to its end would not fit the memory.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys

import pytest

from edgedeploy.core import packing
from tests import kernels

MB = 1 << 20
GUARD_S = 300  # the corpus runs at the lowest priority beside two boards
_CHILD = """
import json, sys
from pathlib import Path
from edgedeploy.artefact import probe
found = probe.inspect(Path(sys.argv[1]))
code = found.fault.code if found.fault else " ".join(found.kernel.marks)
# not ru_maxrss, which a child inherits from a large parent
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([code, peak // 1024]))
"""


def zst(size: int) -> bytes:
    """One frame of 2 GiB with the largest window that we admit."""
    zstd = packing._zstd()
    options = {zstd.CompressionParameter.window_log: 26, zstd.CompressionParameter.compression_level: 1}
    packer = zstd.ZstdCompressor(options=options)
    return b"".join(packer.compress(bytes(16 * MB)) for _ in range(size // (16 * MB))) + packer.flush()


BOMBS = {
    # streams after one another are one file; lzma knows none, and 192 MB are as much beyond the bound as 2 GiB
    "gz": lambda: gzip.compress(bytes(64 * MB), 9) * 32,
    "bz2": lambda: bz2.compress(bytes(64 * MB)) * 32,
    "xz": lambda: lzma.compress(bytes(64 * MB), preset=9) * 32,
    "lzma": lambda: lzma.compress(bytes(192 * MB), lzma.FORMAT_ALONE, preset=0),
    "zst": lambda: zst(2048 * MB),
    # what costs is not only what comes out
    "gz-of-nothing": lambda: gzip.compress(b"") * 500_000,
    "bz2-of-nothing": lambda: bz2.compress(b"") * 1_000_000,
    "zst-of-nothing": lambda: packing.pack(b"", packing.Codec.ZST) * 1_000_000,
    "gz-in-gz": lambda: gzip.compress(gzip.compress(bytes(64 * MB), 9) * 32),
}
INSIDE = {
    "payload-gz": lambda: kernels.old_linux_zimage(gzip.compress(bytes(512 * MB), 9)),
    "payloads": lambda: kernels.old_linux_zimage(gzip.compress(bytes(128 * MB)) * 10),
    "payload-xz": lambda: kernels.linux_zimage(packed=lzma.compress(bytes(256 * MB), preset=1)),
    "payload-lz4": lambda: kernels.linux_zimage(packed=kernels.lz4_legacy(bytes(512 * MB))),
}


@pytest.mark.parametrize("name", [*BOMBS, *INSIDE])
def test_a_bomb_costs_little(name, tmp_path):
    path = tmp_path / name
    path.write_bytes({**BOMBS, **INSIDE}[name]())
    ran = subprocess.run([sys.executable, "-c", _CHILD, path], capture_output=True, check=True, timeout=GUARD_S)
    code, peak_mb = json.loads(ran.stdout)
    # a packed layer inside is no bomb of the outer one: it is packed twice
    assert code == {"gz-in-gz": ""}.get(name, "payload" if name in INSIDE else "bomb")
    assert peak_mb < 150
