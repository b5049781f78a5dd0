"""The verdict on a terminal and elsewhere."""

import io

import pytest

from edgedeploy.flows import check as flow
from edgedeploy.ui import check as show
from tests import kernels


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "linux"
    path.write_bytes(kernels.linux_zimage())
    return flow.check(flow.Request(path, "cubieboard2", memory_mb=48))


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def said(result, stream):
    show.verdict(result, stream)
    return stream.getvalue().splitlines()


def test_a_terminal_gets_colour_on_verdict_and_warnings_only(result):
    first, *middle, warning = said(result, Terminal())
    assert first == "\x1b[1;32mlinux fits cubieboard2\x1b[0m"
    assert warning.startswith("\x1b[33mwarning: guest memory: 48 MB is tight")
    assert middle
    assert not any("\x1b" in line for line in middle)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_declined(result, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert said(result, Terminal()) == said(result, io.StringIO())


def test_a_pipe_gets_plain_lines(result):
    assert said(result, io.StringIO())[0] == "linux fits cubieboard2"
