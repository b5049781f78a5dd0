"""What is asked ahead is answered once, by this process, and while it is fresh."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgedeploy.agent import run as commands


@pytest.fixture
def counting(tmp_path: Path) -> list[str]:
    """A command that says how often it was started."""
    return ["sh", "-c", f"echo >>{tmp_path}/starts; wc -l <{tmp_path}/starts"]


def ask(argv: list[str]) -> int:
    return int(commands.run(argv, timeout=60))


def test_an_answer_that_was_begun_ahead_is_taken_once(counting: list[str]) -> None:
    commands.ahead(counting)
    assert ask(counting) == 1
    assert ask(counting) == 2


def test_a_stale_one_is_asked_anew(counting: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    commands.ahead(counting)
    _, since, process = commands._ahead[tuple(counting)]
    process.wait()
    monkeypatch.setattr(commands.time, "monotonic", lambda: since + commands._FRESH_S + 0.1)
    assert ask(counting) == 2
    assert not commands._ahead


def test_it_belongs_to_the_process_that_began_it(counting: list[str], tmp_path: Path) -> None:
    commands.ahead(counting)
    commands._ahead[tuple(counting)][2].wait()
    child = os.fork()
    if not child:
        status = 99
        try:
            status = ask(counting)
        finally:
            os._exit(status)  # the child is no second run of the tests
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert ask(counting) == 1


def test_what_goes_wrong_is_told_when_it_is_asked_for() -> None:
    for argv, words in ((["false"], "ended with status 1"), (["no-such-program"], "could not be started")):
        commands.ahead(argv)
        with pytest.raises(commands.CommandFailed, match=words):
            commands.run(argv, timeout=60)
    commands.ahead(["sleep", "600"])
    with pytest.raises(commands.CommandFailed, match="did not end in 0 s"):
        commands.run(["sleep", "600"], timeout=0.01)
