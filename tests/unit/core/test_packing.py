"""One layer of compression, bounded."""

import bz2
import contextlib
import gzip
import io
import lzma
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.core import packing
from edgedeploy.core.packing import Codec, PackingError

ALL = list(Codec)
DATA = bytes(range(256)) * 5000


def unpacked(packed, **how):
    out = io.BytesIO()
    sha256, size = packing.unpack(io.BytesIO(packed), out, **how)
    assert size == len(out.getvalue())
    assert len(sha256) == 64
    return out.getvalue()


@pytest.mark.parametrize("codec", ALL)
@settings(deadline=None)
@given(data=st.binary(max_size=2000))
def test_what_is_packed_unpacks(codec, data):
    packed = packing.pack(data, codec)
    if codec is not Codec.NONE:
        assert packing.detect(packed[:16]) is codec
        assert unpacked(packed) == data
    assert packing.pack(data, codec) == packed


def test_large_data_goes_through_in_pieces(tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(DATA)
    for codec in ALL:
        assert unpacked(packing.pack(path, codec)) == DATA


def test_the_formats_are_the_ones_other_programs_read_and_write():
    assert bz2.decompress(packing.pack(DATA, Codec.BZ2)) == DATA
    assert packing.pack(DATA, Codec.BZ2) == bz2.compress(DATA, 9)
    assert gzip.decompress(packing.pack(DATA, Codec.GZ)) == DATA
    assert lzma.decompress(packing.pack(DATA, Codec.XZ)) == DATA
    assert unpacked(gzip.compress(DATA)) == DATA
    # an empty file is packed by tools, too
    assert unpacked(bz2.compress(b"")) == b""


def test_gzip_holds_no_time():
    assert packing.pack(b"x", Codec.GZ)[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("codec", [Codec.GZ, Codec.BZ2, Codec.XZ, Codec.ZST])
def test_joined_streams_are_one_file(codec):
    packed = packing.pack(b"first ", codec) + packing.pack(b"second", codec)
    assert unpacked(packed) == b"first second"
    assert unpacked(packed + b"\0" * 512) == b"first second"


@pytest.mark.parametrize("codec", [Codec.GZ, Codec.BZ2, Codec.XZ, Codec.ZST])
def test_faults_are_told_apart(codec):
    packed = packing.pack(DATA, codec)
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    for broken, code in (
        (packed[:-5], "codec-corrupt"),
        (bytes(damaged), "codec-corrupt"),
        (packed + b"something else", "gz-trailer" if codec is Codec.GZ else "codec-corrupt"),
    ):
        with pytest.raises(PackingError) as caught:
            unpacked(broken)
        assert caught.value.code == code
        assert caught.value.hint


@pytest.mark.parametrize("codec", ALL)
def test_a_bomb_stops_at_the_limit(codec):
    out = io.BytesIO()
    with pytest.raises(PackingError) as caught:
        packing.unpack(io.BytesIO(packing.pack(bytes(10_000_000), codec)), out, limit=1_000_000)
    assert caught.value.code == "bomb"
    assert len(out.getvalue()) <= 1_000_000


def test_a_dictionary_that_the_board_has_no_memory_for():
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 256 << 20}]
    with pytest.raises(PackingError) as caught:
        unpacked(lzma.compress(b"x" * 100, filters=filters))
    assert caught.value.code == "codec-unsupported"


def test_a_zstd_window_that_the_board_has_no_memory_for():
    # a frame header alone: no content size, a window of 128 MiB (RFC 8878, 3.1.1.1.2)
    with pytest.raises(PackingError) as caught:
        unpacked(b"\x28\xb5\x2f\xfd\x00" + bytes([(27 - 10) << 3]) + b"\1\0\0" + b"\0" * 9)
    assert caught.value.code == "codec-unsupported"
    assert "memory" in caught.value.message


def test_without_zstd(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(packing.importlib, "import_module", missing)
    with pytest.raises(PackingError, match="zstd") as caught:
        unpacked(b"\x28\xb5\x2f\xfd" + b"\0" * 20)
    assert caught.value.code == "codec-unsupported"
    assert not packing.zstd_available()


@settings(deadline=None)
@given(
    st.sampled_from([b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"BZh91AY&SY", b"\x5d\0\0\0\1" + b"\xff" * 8, b""]), st.binary()
)
def test_nothing_but_a_packing_error_comes_out(magic, rest):
    with contextlib.suppress(PackingError):
        unpacked(magic + rest)


def test_text_that_begins_like_bzip2_is_left_alone():
    assert packing.detect(b"BZh9 is a flight") is Codec.NONE
    assert unpacked(b"BZh9 is a flight") == b"BZh9 is a flight"


def test_suffixes():
    assert [codec.suffix for codec in Codec] == ["", ".gz", ".bz2", ".xz", ".lzma", ".zst"]


def test_memory_stays_bounded():
    """A small bomb of 140 MB is refused by a process that may use far less."""
    script = (
        "import resource, io, sys; resource.setrlimit(resource.RLIMIT_AS, (120 << 20,) * 2);"
        "from edgedeploy.core import packing\n"
        "try: packing.unpack(io.BytesIO(sys.stdin.buffer.read()), open('/dev/null', 'wb'))\n"
        "except packing.PackingError as error: print(error.code)"
    )
    packer = lzma.LZMACompressor(preset=0)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(140)) + packer.flush()
    root = Path(__file__).parents[3]
    ran = subprocess.run([sys.executable, "-c", script], input=bomb, capture_output=True, check=True, cwd=root)
    assert ran.stdout == b"bomb\n"
