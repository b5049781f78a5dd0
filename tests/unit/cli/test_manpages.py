"""The man pages are what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path

from edgedeploy.cli import manpages, words

FOLDER = Path(__file__).parents[3] / "docs/man"
NAMES = [name for entries in words.SECTIONS.values() for name in entries]


def test_they_are_as_they_would_be_written_now() -> None:
    kept = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert kept == manpages.pages(), "python -m edgedeploy.cli.manpages --write docs/man"


def test_there_is_one_for_each_command_and_each_has_what_a_reader_looks_for() -> None:
    made = manpages.pages()
    assert set(made) == {"edgedeploy.1", *(f"edgedeploy-{name}.1" for name in NAMES)}
    for name in NAMES:
        page = made[f"edgedeploy-{name}.1"]
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"):
            assert f"\n.SH {section}\n" in page, (name, section)
        assert f".BR edgedeploy\\-{name} (1)" in made["edgedeploy.1"]
        for other in re.findall(r"^\.BR edgedeploy\\-(\S+) \(1\)", page, re.MULTILINE):
            assert other in NAMES


def test_text_that_roff_would_obey_is_only_text() -> None:
    assert manpages._plain(".SH x") == "\\&.SH x"
    assert manpages._plain("'\\n-v'") == "\\&'\\en\\-v'"
    for page in manpages.pages().values():
        requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
        assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".BR"}
