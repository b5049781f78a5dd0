import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from edgedeploy.core import cpio
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
