"""The list of options is whole, and the page shows it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import edgedeploy
from edgedeploy.wires.ssh import asked, options
from edgedeploy.wires.ssh.options import OPTIONS
from tests import sshoptions

SOURCES = Path(edgedeploy.__file__).parent / "wires" / "ssh"
BY_SSH = {"canonicaldomains", "tag", "refuseconnection", "host"}
"""what ssh -G has done by itself; and the name that was typed is not asked for"""
OLD = {"pubkeyacceptedkeytypes", "challengeresponseauthentication"}


def test_every_option_of_this_machines_ssh_is_in_the_list(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.touch()
    said = asked.parsed(
        subprocess.run(["ssh", "-F", config, "-G", "board"], capture_output=True, text=True, check=True).stdout
    )
    assert len(said) > 70
    assert set(said) - set(OPTIONS) == set()
    assert {fate for fate, _ in OPTIONS.values()} == set(get_args(options.Fate))


def test_what_is_honoured_is_asked_for_and_what_has_no_bearing_is_not() -> None:
    text = "".join(path.read_text() for path in SOURCES.glob("*.py") if path.name != "options.py")
    words = {word.lower() for word in re.findall(r'"([A-Za-z0-9]+)"', text)}
    honoured = {name for name, (fate, _) in OPTIONS.items() if fate == "honoured" and not name.startswith("canonicali")}
    assert honoured - BY_SSH - OLD - words == set()
    assert {name for name, (fate, _) in OPTIONS.items() if fate == "no bearing"} & words <= {"controlpath"}


def test_the_page_is_what_the_code_says() -> None:
    page = Path(edgedeploy.__file__).parents[1] / "docs" / "ssh.md"
    assert page.read_text() == sshoptions.page(), "python -m tests.sshoptions --write docs/ssh.md"
