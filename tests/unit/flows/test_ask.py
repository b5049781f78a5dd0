"""What a board is asked, and of its answer what was wanted."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from edgedeploy.core import errors, messages, names
from edgedeploy.flows import ask
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.ui.plain_report import QuietReport

ANSWER = messages.BoardStatus({"profile": "cubieboard2"}, {"decks": {"release": "r1"}, "mail": {"release": "r2"}})


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A board that gives ANSWER."""

    @contextlib.contextmanager
    def reach(_wanted: Wanted, _context: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(found=Found("stage", ("10.0.0.7",), 22, ""), client=SimpleNamespace(status=lambda: ANSWER))

    monkeypatch.setattr(ask, "reach", reach)
    return SimpleNamespace(report=QuietReport(io.StringIO()))


def test_a_board_or_one_app_of_it(context: Any) -> None:
    assert ask.status(Wanted(), context).status == ANSWER
    one = ask.status(Wanted(), context, names.AppName("mail")).status
    assert one is not None
    assert (one.board, one.apps) == (ANSWER.board, {"mail": {"release": "r2"}})


def test_an_app_that_the_board_does_not_have_is_told_with_those_it_has(context: Any) -> None:
    with pytest.raises(errors.UsageFault, match=r"stage has no app web \(it has: decks, mail\)"):
        ask.status(Wanted(), context, names.AppName("web"))
