"""Files on the laptop: opened safely, one layer unpacked, said what they are."""

import hashlib
import os

import pytest

from edgedeploy.artefact import probe
from edgedeploy.core import errors, packing
from edgedeploy.core.packing import Codec
from tests import kernels


def put(tmp_path, data, name="kernel"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("codec", list(Codec))
def test_a_kernel_is_the_same_however_it_is_packed(tmp_path, codec):
    image = kernels.linux_zimage()
    packed = packing.pack(image, codec)
    found = probe.inspect(put(tmp_path, packed))
    assert (found.codec, found.packed_size, found.size) == (codec, len(packed), len(image))
    assert found.sha256 == hashlib.sha256(image).hexdigest()
    assert found.packed_sha256 == hashlib.sha256(packed).hexdigest()
    assert (found.kind, found.arch, found.xen_guest, found.fault) == ("zimage32", "armv7l", True, None)
    assert found.description == "a 32-bit ARM Linux kernel (zImage) built for Xen"


def test_the_kernel_that_decks_served(tmp_path):
    found = probe.inspect(put(tmp_path, packing.pack(kernels.x86_mirage(), Codec.BZ2), "decks.xen.bz2"))
    assert (found.name, found.codec) == ("decks.xen.bz2", Codec.BZ2)
    assert found.description == "an x86-64 MirageOS (Mini-OS) kernel for Xen PV"


@pytest.mark.parametrize(
    ("data", "code", "description"),
    [
        (packing.pack(b"x" * 999, Codec.XZ)[:-9], "codec-corrupt", "a damaged .xz file"),
        (packing.pack(b"x", Codec.GZ) + b"junk of sixteen bytes", "gz-trailer", "a damaged .gz file"),
        (packing.pack(bytes(5000), Codec.BZ2), "bomb", "a .bz2 file that cannot be unpacked here"),
        (bytes(2000), "too-big", "a file of zeros"),
        (b"\x1f\x8b\x08" + bytes(2000), "too-big", "a .gz file"),
    ],
)
def test_what_cannot_be_unpacked_is_told(tmp_path, data, code, description):
    found = probe.inspect(put(tmp_path, data), limit=1500)
    assert found.fault is not None
    assert (found.fault.code, found.kind, found.description, found.size) == (code, "broken", description, 0)
    assert found.fault.hint[0].isupper()


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    for name, message in (
        (".", "is a folder, not a file"),
        ("pipe", "is a pipe, not a file"),
        ("broken", "is a broken link"),
        ("loop", "Too many levels"),
        ("nothing", "No such file"),
        ("kernel\0", "not a file name"),
        ("\x1b[31m", r"cannot read .*x1b\[31m"),
    ):
        with pytest.raises(errors.UsageFault, match=message) as caught:
            probe.inspect(tmp_path / name)
        assert caught.value.exit_code == 2
        assert caught.value.hint
    with pytest.raises(errors.UsageFault, match="is a device"):
        probe.inspect(tmp_path.__class__("/dev/zero"))


def test_a_link_to_a_kernel_is_that_kernel(tmp_path):
    put(tmp_path, kernels.zimage())
    (tmp_path / "latest").symlink_to("kernel")
    assert probe.inspect(tmp_path / "latest").arch == "armv7l"
