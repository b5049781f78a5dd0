"""A model board for every test of the agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgedeploy.agent import effects, health, kept
from tests.unit.agent.model import ModelBoard


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelBoard]:
    """While a deployment waits for its guest, only the time of this clock passes: a busy machine makes no guest late."""
    passed: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: 1000.0 + sum(passed), sleep=passed.append)
    for module in (effects, health, kept):
        monkeypatch.setattr(module, "time", clock)
    board = ModelBoard(tmp_path)
    board.passed = passed
    yield board
    board.xen.close()
