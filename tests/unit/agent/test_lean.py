"""What a start of the agent loads, and what it must not: each of these was a twentieth of a hello, or more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgedeploy.agent import compiled
from edgedeploy.remote import agentkit

SPARED = {
    "urllib.parse", "ipaddress", "locale", "socket", "hashlib", "argparse", "tomllib", "dataclasses", "inspect", "uuid",
    "tempfile", "shutil", "random", "http.client",
}  # fmt: skip
SERVE = """
from edgedeploy.agent import lean
lean.load()
from edgedeploy.agent import xen, serve
from edgedeploy.agent.board import Board
lean.loaded()
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent as a board has it."""
    folder = tmp_path_factory.mktemp("board") / "library"
    compiled.library(agentkit.build(), agentkit.digest(), folder)
    return folder


def said(library: Path, program: str) -> str:
    """What a program prints that can import the agent, and nothing else beside Python's own."""
    argv = [sys.executable, "-ISc", f"import sys\nsys.path.append({str(library)!r})\n{program}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_conversation_begins_without_what_it_does_not_use(library: Path) -> None:
    loaded = set(said(library, f"{SERVE}\nprint(*sys.modules)").split())
    assert {"pathlib", "subprocess", "json", "edgedeploy.agent.serve"} <= loaded
    assert not loaded & SPARED


def test_what_was_spared_works_for_whoever_asks(library: Path) -> None:
    asked = """
import gc, subprocess
from pathlib import Path
print(gc.isenabled(), Path("/a b").as_uri())
print(subprocess.run(["echo", "text"], capture_output=True, text=True).stdout.strip())
import locale, urllib.parse
print(type(locale).__name__, urllib.parse.quote("c d"), locale.getencoding() != "")
"""
    assert said(library, SERVE + asked).split("\n") == ["True file:///a%20b", "text", "module c%20d True"]


def test_what_is_loaded_already_stays(library: Path) -> None:
    again = (
        "import urllib.parse, locale\nbefore = urllib.parse\n" + SERVE + "print(sys.modules['urllib.parse'] is before)"
    )
    assert said(library, again) == "True"
