"""What is sent: the smallest form, kept until it was taken, never too much of it."""

from __future__ import annotations

import lzma
import os
import time
from pathlib import Path

import pytest

from edgedeploy.core import packing
from edgedeploy.flows import bundle_cache, parcel
from tests.unit.depot.conftest import built, depot, git, git_home, report  # noqa: F401  # fixtures

PROSE = b"a slide says the same as another slide, again and again. "


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/bundles"


def made(depot, have=frozenset(), *, small=True):  # noqa: F811  # a fixture's name
    with bundle_cache.bundle(depot, have, small=small) as cached:
        return cached and (cached, cached.path.read_bytes())


def test_on_a_slow_line_the_smaller_of_two_forms_goes_over(depot, cache):  # noqa: F811  # a fixture
    for number in range(40):  # many small texts that are alike: one xz over all of them beats a zlib for each
        (depot.root / f"{number}.txt").write_bytes(PROSE * (number + 3) + os.urandom(8).hex().encode())
    git(depot.root, "add", ".")
    git(depot.root, "commit", "-qm", "texts")
    (_, small), (_, plain) = made(depot), made(depot, small=False)
    assert packing.detect(small[:16]) is packing.Codec.XZ
    assert plain.startswith(b"# v2 git bundle\n")
    assert len(small) < len(plain)
    assert lzma.decompress(small).startswith(b"# v2 git bundle\n")
    (depot.root / "noise").write_bytes(os.urandom(50_000))
    git(depot.root, "add", ".")
    before = depot.head()
    git(depot.root, "commit", "-qm", "noise")
    assert made(depot, {before})[1].startswith(b"# v2 git bundle\n"), "xz would only add to it"


def test_what_was_made_is_sent_again_byte_for_byte_until_it_was_taken(depot, cache):  # noqa: F811  # a fixture
    first, data = made(depot)
    first.path.write_bytes(b"made by another git")
    again, kept = made(depot)
    assert (again.path, kept) == (first.path, b"made by another git")
    assert made(depot, small=False)[0].path != first.path
    bundle_cache.drop(again)
    assert made(depot)[1] == data
    assert made(depot, {depot.head()}) is None


def test_what_another_push_drops_meanwhile_is_sent_all_the_same(depot, cache):  # noqa: F811  # a fixture
    with bundle_cache.bundle(depot, set(), small=False) as ours:
        with bundle_cache.bundle(depot, set(), small=False) as others:
            bundle_cache.drop(others)
        data = ours.file.read()
        assert len(data) == ours.size
        assert data.startswith(b"# v2 git bundle\n")
    (cache / "gone").symlink_to(cache / "removed by another push")
    assert made(depot)


def test_what_was_given_up_goes_by_itself(depot, cache):  # noqa: F811  # a fixture
    cache.mkdir(parents=True)
    now = time.time()  # clock: the dates of files
    for number in range(20):
        (cache / f"{number}").write_bytes(b"x")
        os.utime(cache / f"{number}", (now - number, now - number))
    os.utime(cache / "3", (0, 0))
    made(depot)
    names = {path.name for path in cache.iterdir()}
    assert len(names) <= bundle_cache.KEEP + 1
    assert "3" not in names
    assert "0" in names


def test_a_cache_that_cannot_be_written_stops_nothing(depot, tmp_path, monkeypatch):  # noqa: F811  # a fixture
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "file"))
    with bundle_cache.bundle(depot, set(), small=True) as once:
        assert once.path.is_file()
        bundle_cache.drop(once)
    assert not once.path.exists()


def test_the_boards_memory_for_unpacking_is_bounded_by_what_comes():
    for data in (b"", b"x", PROSE * 1000):
        packed = bundle_cache.pack(data)
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 20)
        assert unpacker.decompress(packed) == data
    assert bundle_cache.lzma_dictionary(200 << 20) == 16 << 20


@pytest.mark.parametrize(
    ("size", "rate", "said"),
    [
        (61_234, 9600, "sending 61 kB, about 6 s"),
        (400, 9600, "sending 400 bytes, about a second"),
        (6_300_000, 9600, "sending 6300 kB, about 11 min"),
        (6_300_000, None, "sending what the board lacks"),
    ],
)
def test_how_much_and_how_long_is_said_before(size, rate, said):
    assert bundle_cache.sending(size, rate) == said


def test_the_name_that_scripts_of_others_import_still_makes_the_bundle() -> None:
    assert parcel.of is bundle_cache.bundle
