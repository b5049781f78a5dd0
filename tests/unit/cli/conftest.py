"""The command line, run in this process, in a home of its own."""

import pytest

from edgedeploy.cli import main
from tests.unit.depot.conftest import git_home  # noqa: F401 - a fixture


@pytest.fixture
def edgedeploy(git_home, tmp_path, monkeypatch, capsys):  # noqa: F811 - the fixture of that name
    """Run a command line in tmp_path: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        code = main.run([str(arg) for arg in argv])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
