import io
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import cpio, packing
from tests import needs


def names(archive: bytes) -> list[str]:
    found, at = [], 0
    while True:
        header = archive[at : at + 110]
        assert header[:6] == b"070701"
        fields = [int(header[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        name = archive[at + 110 : at + 110 + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            return found
        assert fields[2] == fields[3] == fields[5] == 0, "owner and time are in the archive"
        found.append(name)
        at += -(-(110 + fields[11]) // 4) * 4
        at += -(-fields[6] // 4) * 4


def test_order_of_the_entries_does_not_matter() -> None:
    entries = [cpio.file("b/x", b"1"), cpio.file("a", b"22"), cpio.link("c", "a")]
    assert cpio.pack(entries) == cpio.pack(reversed(entries))


def test_parents_are_added_and_come_before_their_children() -> None:
    archive = cpio.pack([cpio.file("www/img/a.png", b"x"), cpio.file("www-old", b"y")])
    assert names(archive) == ["www", "www/img", "www/img/a.png", "www-old"]


def test_archives_end_on_a_block_so_that_they_can_be_joined() -> None:
    assert len(cpio.pack([cpio.file("a", b"abc")])) % 512 == 0


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../b", "a\0b", "", ".", "TRAILER!!!"])
def test_names_that_leave_the_tree_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name inside"):
        cpio.pack([cpio.file(name, b"")])


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        cpio.pack([cpio.file("a", b""), cpio.file("./a", b"")])


def test_a_tree_keeps_links_and_the_executable_bit_only(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir(mode=0o700)
    (tmp_path / "run").write_bytes(b"#!")
    (tmp_path / "run").chmod(0o700)
    (tmp_path / "text").write_bytes(b"t")
    (tmp_path / "text").chmod(0o600)
    (tmp_path / "sub" / "link").symlink_to("../text")
    modes = {entry.name: oct(entry.mode) for entry in cpio.entries_of_tree(tmp_path, "www")}
    assert modes == {
        "www/run": oct(stat.S_IFREG | 0o755),
        "www/text": oct(stat.S_IFREG | 0o644),
        "www/sub": oct(stat.S_IFDIR | 0o755),
        "www/sub/link": oct(stat.S_IFLNK | 0o777),
    }


def test_a_socket_has_no_place_in_a_ramdisk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="neither file"):
        cpio.entries_of_tree(tmp_path)


def test_the_cpio_program_reads_it(tmp_path: Path) -> None:
    if shutil.which("cpio") is None:
        needs.require("no cpio program to compare with (make apt-test)")
    archive = cpio.pack([cpio.file("bin/tool", b"x" * 1001, 0o755), cpio.link("sh", "bin/tool"), cpio.folder("proc")])
    subprocess.run(["cpio", "-i", "--quiet"], input=archive, cwd=tmp_path, check=True)
    assert (tmp_path / "bin" / "tool").read_bytes() == b"x" * 1001
    assert os.readlink(tmp_path / "sh") == "bin/tool"


ARCHIVE = cpio.pack([cpio.file("bin/tool", b"x" * 1001, 0o755), cpio.link("sh", "bin/tool"), cpio.folder("proc")])
END = ARCHIVE.index(b"TRAILER!!!") - 110  # where the trailer's own record begins


def whole(data: bytes) -> bool:
    return cpio.is_whole(io.BytesIO(data))


def test_the_cpio_program_writes_whole_archives(tmp_path: Path) -> None:
    if shutil.which("cpio") is None:
        needs.require("no cpio program to compare with (make apt-test)")
    for name, data in {"a": b"", "long-name": b"1", "bb": b"12345"}.items():
        (tmp_path / name).write_bytes(data)
    for form in ("newc", "crc"):
        command = ["cpio", "-o", "--quiet", "-H", form]
        made = subprocess.run(command, input=b"a\nlong-name\nbb\n", cwd=tmp_path, check=True, capture_output=True).stdout
        assert made.startswith((b"070701", b"070702"))
        assert whole(made)
        assert whole(made.rstrip(b"\0") + b"\0")
        assert not whole(made[:300])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x1f\x8b\x08", b"text", ARCHIVE, ARCHIVE[:END], ARCHIVE.rstrip(b"\0") + b"\0", ARCHIVE * 2, ARCHIVE[:END] * 2,
        ARCHIVE + bytes(100_000) + ARCHIVE, ARCHIVE + b"\x1f\x8b\x08 packed", ARCHIVE + b"070707 is another format",
    ],
)  # fmt: skip
def test_what_is_whole_or_nothing_is_known_of(data: bytes) -> None:
    assert whole(data)


@pytest.mark.parametrize(
    "data",
    [
        ARCHIVE[:100], ARCHIVE[:113], ARCHIVE[:700], ARCHIVE[: END - 1], ARCHIVE[: END + 50], ARCHIVE[: END + 115],
        ARCHIVE + ARCHIVE[:700], ARCHIVE + bytes(100_000) + ARCHIVE[:700],
        ARCHIVE[:END] + bytes(512), ARCHIVE[:700] + ARCHIVE[701:], ARCHIVE[:54] + b"-0000001" + ARCHIVE[62:],
        ARCHIVE[:94] + b"-FFFFFFF" + ARCHIVE[102:], ARCHIVE[:94] + b"        " + ARCHIVE[102:], b"070701" + b"F" * 200,
    ],
)  # fmt: skip
def test_what_was_cut_off_or_damaged(data: bytes) -> None:
    assert not whole(data)


@given(st.binary(max_size=300), st.integers(0, len(ARCHIVE)), st.integers(0, len(ARCHIVE)))
def test_nothing_hangs_or_raises(noise: bytes, start: int, end: int) -> None:
    whole(ARCHIVE[:start] + noise + ARCHIVE[end:])


def test_every_cut_before_the_trailer_is_seen_but_those_between_two_entries() -> None:
    seen = [at for at in range(1, END) if whole(ARCHIVE[:at])]
    assert set(seen) <= {*range(1, 6), *starts(ARCHIVE)} | {start - pad for start in starts(ARCHIVE) for pad in (1, 2, 3)}


def starts(archive: bytes) -> list[int]:
    return [at for at in range(0, len(archive), 4) if archive[at : at + 6] == b"070701"]


@pytest.mark.parametrize("codec", [codec for codec in packing.Codec if codec is not packing.Codec.NONE])
def test_packed_data_that_goes_on_is_told_from_damage(codec: packing.Codec) -> None:
    if codec is packing.Codec.ZST and not packing.zstd_available():
        needs.require("no zstd in this Python (pip install backports.zstd)")
    packed = packing.pack(ARCHIVE, codec)
    for data, goes_on in ((packed + ARCHIVE, True), (packed[:-30], False), (packed[:20] + b"!" + packed[21:], False)):
        with pytest.raises(packing.PackingError) as caught:
            packing.unpack(io.BytesIO(data), io.BytesIO())
        assert cpio.goes_on(caught.value) is goes_on, caught.value
