"""Two boards of one SD-card image, and one board that only moved: told apart by what can be known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.core import errors, messages, names
from edgedeploy.flows import twins
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.remote.known import KnownBoards
from edgedeploy.wires import trust
from tests.unit.flows.test_find import board
from tests.unit.flows.test_reach import World

FIRST = board(1, "stage", "decks")
OLD, NEW = (trust.HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + last) for last in (b"old", b"new"))
SAME = twins.Newcomer(FIRST.board_id, True, FIRST.name, OLD, FIRST.hosts, FIRST.port)
ELSEWHERE = replace(SAME, hosts=("10.0.0.9",))
OTHER_NAME = names.BoardName("second")


class Client:
    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def hello(self) -> messages.Welcome:
        return messages.Welcome(FIRST.board_id, self._name, "cubieboard2", "agent", {}, {})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    made = World(tmp_path).context()
    KnownBoards(tmp_path).remember(FIRST)
    trust.Pins(pins_file(made.config)).pin(trust.alias_of(FIRST.board_id), OLD)
    return made


def first_is(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> list[Any]:
    asked: list[Any] = []

    def talk(_: Context, found: Any, *, timeout: float) -> tuple[Client, Client]:
        asked.append(found)
        if not there:
            raise errors.Unreachable("nobody answers")
        return Client("stage"), Client("stage")

    monkeypatch.setattr(Context, "talk", talk)
    return asked


@pytest.mark.parametrize("there", [True, False], ids=["the first answers", "the first is silent"])
@pytest.mark.parametrize(
    ("newcomer", "always", "never"),
    [
        (replace(SAME, board_id=names.BoardId("f" * 16)), False, True),  # another id
        (replace(SAME, board_id=None), False, True),
        (replace(SAME, host_key=NEW), False, True),  # installed anew, where it was
        (replace(SAME, name=OTHER_NAME), False, True),  # renamed
        (ELSEWHERE, False, True),  # another address
        (replace(ELSEWHERE, name=OTHER_NAME), False, True),
        (replace(SAME, port=2223, host_key=NEW, enrolled=False, name=OTHER_NAME), True, False),  # behind one address
        (replace(ELSEWHERE, host_key=NEW, name=OTHER_NAME), True, False),
        (replace(ELSEWHERE, enrolled=False, name=OTHER_NAME), True, False),  # with the host key of the image, too
        (replace(ELSEWHERE, host_key=NEW), False, False),  # only the first one can tell
        (replace(ELSEWHERE, enrolled=False), False, False),
    ],
)
def test_who_is_another_board(
    context: Context, monkeypatch: pytest.MonkeyPatch, there: bool, newcomer: twins.Newcomer, always: bool, never: bool
) -> None:
    first_is(monkeypatch, there=there)
    found = twins.twin(newcomer, context)
    wanted = always or (there and not never)
    assert found == (FIRST if wanted else None)


def test_a_board_that_was_here_before_is_asked_nothing(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = first_is(monkeypatch, there=True)
    for newcomer in (SAME, ELSEWHERE, replace(SAME, host_key=NEW)):
        assert twins.twin(newcomer, context) is None
    assert asked == []


def test_what_is_told_names_the_other_one_and_what_both_are_called() -> None:
    (words,) = twins.told(FIRST, "f" * 16, "second")
    assert "stage (10.0.0.1)" in words
    assert "one SD-card image" in words
    assert "--name" not in words
    assert "edgedeploy enrol --name NAME HOST" in twins.told(FIRST, "f" * 16, "stage")[0]
