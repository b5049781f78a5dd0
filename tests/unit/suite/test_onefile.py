"""The flat file that is a Linux with its ramdisk inside, and the repository of 2014 that deploys it."""

from __future__ import annotations

import io
import os
import re
import subprocess
from pathlib import Path

import pytest

from edgedeploy.cli import main
from edgedeploy.core import cpio, kernel
from edgedeploy.core.board import GUEST_RAM_BASE
from edgedeploy.core.kernel import Kind
from edgedeploy.depot.repo import Depot
from tests import kernels, onefile

VM = "decksopenmirageorg"


def made(page: str) -> onefile.OneFile:
    return onefile.one_file(kernels.linux_zimage(), ramdisk(page))


def ramdisk(page: str) -> bytes:
    return cpio.pack([cpio.file("www/index.html", page.encode())])


def git(folder: Path, *args: str) -> list[str]:
    return subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    onefile.legacy_repository(tmp_path / "deployment", VM, made("one"))
    return tmp_path / "deployment"


def test_it_is_a_linux_for_xen_and_its_ramdisk_is_where_the_command_line_says() -> None:
    one = made("one")
    info = kernel.probe(one.data)
    assert (info.kind, info.what) == (Kind.ZIMAGE32, "a 32-bit ARM Linux kernel (zImage) built for Xen")
    assert (info.declared, info.marks) == (
        len(one.data),
        frozenset(),
    )  # nothing behind its end that a person is told of
    found = re.fullmatch(r"initrd=(0x[0-9a-f]+),(\d+)", one.initrd)
    assert found
    address, size = int(found[1], 16), int(found[2])
    inside = one.data[address - GUEST_RAM_BASE - 0x8000 :]
    assert len(inside) == size
    assert inside == ramdisk("one").ljust(size, b"\0")
    assert cpio.is_whole(io.BytesIO(inside))
    assert info.tags
    running = info.tags.text_offset + info.tags.inflated + max(info.tags.bss, len(kernels.linux_zimage()))
    assert address - GUEST_RAM_BASE > running
    assert made("another page").initrd == one.initrd


def test_the_repository_is_an_original_one_and_fits(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["check", str(repository), "--board", "cubieboard2"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{VM}.xen.bz2 fits cubieboard2"
    depot = Depot.open(repository)
    release = depot.latest()
    assert release
    manifest = depot.manifest(release)
    assert (manifest.domain.name, manifest.domain.memory_mb) == (VM, 128)
    assert made("one").initrd in manifest.domain.cmdline
    assert git(repository, "ls-files") == [
        "Makefile", "scripts/crontab", "scripts/deploy.sh", "scripts/post-merge.hook",
        f"xen/{release}/config.ml", f"xen/{release}/{VM}.xen.bz2", "xen/latest", "xl.conf.in",
    ]  # fmt: skip


def test_one_more_release_is_one_commit_that_leaves_the_older_ones_their_source(repository: Path) -> None:
    first = Depot.open(repository).latest()
    second = onefile.store(repository, made("two").data)
    third = onefile.store(repository, made("two").data)
    assert re.fullmatch("[0-9a-f]{40}", second)
    assert len({first, second, third}) == 3
    assert (repository / "xen/latest").read_text() == f"{third}\n"
    held = {path.parent.name: path.name for path in repository.glob("xen/*/*") if path.name != "config.ml"}
    assert held == {third: f"{VM}.xen.bz2"}
    assert {path.parent.name for path in repository.glob("xen/*/config.ml")} == {first, second, third}
    assert len(git(repository, "log", "--format=%H")) == 3
    assert git(repository, "status", "--porcelain") == []
    assert all(name.startswith("xen/") for name in git(repository, "diff", "--name-only", "HEAD~2"))


def test_its_hook_starts_the_latest_kernel(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name, text in {
        "xl": f'echo "xl $*" >> {tmp_path}/called; [ "$1" = create ]',  # nothing runs yet that could be destroyed
        "bunzip2": 'echo "$1" > "${2%.bz2}"',
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run([repository / "scripts/post-merge.hook"], cwd=repository, env=env, check=True)
    assert (tmp_path / "called").read_text() == f"xl destroy {VM}\nxl create xl.conf\n"
    file = repository / "xen" / (repository / "xen/latest").read_text().strip() / f"{VM}.xen"
    assert file.exists()
    rendered = (repository / "xl.conf").read_text()
    assert f"name = '{VM}'\nkernel = '{file}'\n" in rendered
    assert "@" not in rendered
