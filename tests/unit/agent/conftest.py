"""A model board for every test of the agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.model import ModelBoard


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ModelBoard]:
    board = ModelBoard(tmp_path)
    yield board
    board.xen.close()
