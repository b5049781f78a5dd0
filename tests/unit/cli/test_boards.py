"""`edgedeploy boards`: the kinds, which work and which never will."""

import json

import pytest

from edgedeploy.cli import main
from edgedeploy.profiles import catalog
from edgedeploy.ui import boards as show


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv(catalog.ENVIRONMENT, raising=False)

    def _run(*argv):
        code = main.run(["boards", *argv])
        out, err = capsys.readouterr()
        return code, out, err

    return _run


def test_the_table_says_what_works_and_why_not(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert set(rows) == set(catalog.available())
    assert rows["cubieboard2"].split() == ["cubieboard2", "2x", "A7", "512-1024", "MB", "32-bit", "ARM"]
    assert "never: its Cortex-A8 has no virtualization extensions" in rows["cubieboard1"]
    assert "never for 32-bit guests" in rows["rpi5"]


def test_one_in_detail(run):
    code, out, _ = run("cubieboard2")
    assert code == 0
    for fact in ("Cubieboard2", "0x40000000", "hvc0 in dom0", "115200 baud", "cubietech,cubieboard2", "xenbr0"):
        assert fact in out
    assert "never: " in run("rpi3")[1]


def test_json(run):
    code, out, err = run("--json")
    assert (code, err) == (0, "")
    assert {row["name"]: row["supported"] for row in json.loads(out)}["rpi2"] is False
    assert json.loads(run("rpi4", "--json")[1])["console"]["baud"] == 115200


def test_an_unknown_name(run):
    code, _, err = run("cubieboard")
    assert code == 21
    assert "did you mean cubieboard" in err


def test_a_broken_profile_is_told_with_its_faults(run, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text("title = 1\n")
    monkeypatch.setenv(catalog.ENVIRONMENT, str(tmp_path))
    code, _, err = run("mine")
    assert code == 21
    assert "  title: must be text, not 1\n" in err
    assert "  cpu: is missing\n" in err


@pytest.mark.parametrize("width", [60, 100])
def test_on_a_terminal_nothing_is_wider_than_it_or_torn_apart(run, monkeypatch, width):
    monkeypatch.setattr(show, "_width", lambda: width)
    for argv in ((), ("rpi3",), ("cubieboard2",)):
        out = run(*argv)[1]
        assert max(map(len, out.splitlines())) <= width
        assert "virtualiz\n" not in out
    assert "\n    never: its Cortex-A8 has no virtualization extensions," in run()[1]


def test_in_a_pipe_a_kind_is_a_line_without_trailing_blanks(run):
    lines = run()[1].splitlines()
    assert len(lines) == len(catalog.available()) + 1
    assert all(line == line.rstrip() for line in lines)
