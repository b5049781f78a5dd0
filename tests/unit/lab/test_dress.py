import stat
from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.lab.bake import dress


def test_a_status_paragraph_says_installed() -> None:
    assert dress.installed("Package: x\nVersion: 1\n") == "Package: x\nStatus: install ok installed\nVersion: 1\n"


def test_put_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    dress.put(tmp_path, "/etc/deep/file", b"1", 0o640)
    dress.put(tmp_path, "etc/deep/file", b"2", 0o600)
    assert (tmp_path / "etc/deep/file").read_bytes() == b"2"
    assert stat.S_IMODE((tmp_path / "etc/deep/file").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "etc/deep").stat().st_mode) == 0o755


def test_put_does_not_follow_a_link_out_of_the_tree(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(errors.Bug, match="outside"):
        dress.put(root, "etc/passwd", b"")
    assert not list(outside.iterdir())


def test_owners_are_what_the_session_knows_and_the_file_does_not_say(tmp_path: Path) -> None:
    for name in ("plain", "shadow", "secret"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o644)
    numbers = {name: (tmp_path / name).stat().st_ino for name in ("plain", "shadow", "secret")}
    session = (
        f"dev=1,ino={numbers['plain']},mode=100644,uid=0,gid=0,nlink=1,rdev=0\n"
        f"dev=1,ino={numbers['shadow']},mode=102755,uid=0,gid=42,nlink=1,rdev=0\n"
        f"dev=1,ino={numbers['secret']},mode=100440,uid=0,gid=0,nlink=1,rdev=0\n"
    )
    assert dress.owners(session, tmp_path) == ["0:0 0440 /secret", "0:42 2755 /shadow"]
