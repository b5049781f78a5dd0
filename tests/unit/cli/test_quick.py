"""The pages that are answered without click are click's own, to the letter."""

import subprocess
import sys

import click
import pytest

from edgedeploy.cli import check, main, program, quick
from edgedeploy.core.release import GIC_VERSIONS


def by_click(argv, capsys):
    assert program.run(argv) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_the_help_at_every_width(word, monkeypatch, capsys):
    for columns in range(1, 130):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert quick.answer([word]) == by_click([word], capsys), f"{columns} columns"


def test_the_version(capsys):
    assert quick.answer(["--version"]) == by_click(["--version"], capsys)


@pytest.mark.parametrize("argv", [[], ["push"], ["--nope"], ["-v", "--help"], ["push", "--help"], ["--version", "x"]])
def test_all_else_is_click_s(argv):
    assert quick.answer(argv) is None


def test_what_the_program_prints_is_that(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main.run(["--help"]) == 0
    assert capsys.readouterr().out == quick.page(78)


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_a_full_disk_is_told_as_for_any_command(word):
    with open("/dev/full", "w") as full:
        argv = [sys.executable, "-m", "edgedeploy", word]
        done = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "no space left on device\nhint: make room" in done.stderr


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_nobody_who_reads_is_no_error(word):
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m edgedeploy {word} >&-'], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_gic_versions_of_check_are_those_of_a_release():
    option = next(param for param in check.check.params if param.name == "gic_version")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == [*GIC_VERSIONS, "2", "3"]
