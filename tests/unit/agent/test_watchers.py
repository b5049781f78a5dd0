"""What `xl create` leaves in the background, found by its command line and ended."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edgedeploy.agent import watchers
from tests.guard import until

ONE, TWO = "78c37797-193a-5935-9954-bb3446ad81c0", "342a2d81-0cba-5f1a-a5ce-5ba0448f1fe8"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Processes with the command lines of other programs; what they do is wait."""
    for word in ("create", "list"):
        (tmp_path / word).write_text("read forever\n")
    with ExitStack() as ends:

        def run(*argv: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(argv, executable="/bin/sh", cwd=tmp_path, stdin=subprocess.PIPE)
            ends.enter_context(process)
            ends.callback(process.kill)
            until(Path(f"/proc/{process.pid}/cmdline").read_bytes, "its command line is in place")
            return process

        yield run


def test_watchers_are_those_of_the_folder(start: Start, tmp_path: Path) -> None:
    here = tmp_path / "decks/domains"
    mine = start("/usr/lib/xen-4.17/bin/xl", "create", "--quiet", f"{here}/{ONE}.cfg", 'name="decks.r2"')
    short = start("xl", "create", f"{here}/{TWO}.cfg")
    start("xl", "create", "-q", "/root/bare/bare.cfg")
    start("xl", "create", f"{tmp_path}/web/domains/{ONE}.cfg")
    start("xl", "list", f"{here}/{ONE}.cfg")
    start("notxl", "create", f"{here}/{ONE}.cfg")
    assert watchers.of(here) == {mine.pid: ONE, short.pid: TWO}
    assert watchers.of(tmp_path / "nothing") == {}


def test_the_watcher_of_one_guest_is_ended_and_no_other(start: Start, tmp_path: Path) -> None:
    mine, other = (start("xl", "create", f"{tmp_path}/{uuid}.cfg") for uuid in (ONE, TWO))
    watchers.end(tmp_path, {ONE})
    assert mine.wait(60) == -9
    assert other.poll() is None
    watchers.end(tmp_path, {ONE})
    assert watchers.of(tmp_path) == {other.pid: TWO}
