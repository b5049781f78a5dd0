"""A git of the tests' own, and a small deployment repository in it."""

import subprocess
from pathlib import Path

import pytest

from edgedeploy.core import cpio
from edgedeploy.depot.repo import Depot
from edgedeploy.depot.scaffold import Plan
from edgedeploy.ui.plain_report import PlainReport

TOML = """\
app = "decks"
[network]
address = "10.0.2.20/24"
gateway = "10.0.2.2"
[build]
slides = "slides"
"""


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def git_home(tmp_path, monkeypatch):
    """Nobody's settings but ours: a user with a name, and no system configuration."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("EDGEDEPLOY_CONFIG_DIR", str(home / "config"))
    return home


@pytest.fixture
def report(tmp_path):
    class Noted(PlainReport):
        def __init__(self):
            self.lines = []
            self.verbosity = 0

        def write(self, line):
            self.lines.append(line)

    return Noted()


@pytest.fixture
def depot(git_home, tmp_path):
    """A repository as `init` makes it, with slides, configured as TOML says."""
    made, _ = Depot.init(tmp_path / "decks", Plan("decks", "virtual-armv7", slides=True))
    (made.root / "edgedeploy.toml").write_text(TOML)
    git(made.root, "commit", "-qam", "configure")
    return Depot.open(made.root)


@pytest.fixture
def built(tmp_path):
    """What a build leaves: a kernel and a base ramdisk, outside the repository."""
    folder = tmp_path / "built"
    folder.mkdir()
    (folder / "vmlinuz").write_bytes(b"kernel one " * 5000)
    (folder / "base.cpio").write_bytes(cpio.pack([cpio.file("init", b"#!/bin/sh\n", 0o755)]))
    return folder
