"""A pytest plugin: each worker with a virtual board has a network of its own (`-p tests.board.apart`, by tests/run.py).

Their boards have one name, one address and the same ports, and announce themselves: on one loopback they would be one board.
"""

from __future__ import annotations

import os

import pytest

from tests import netns


def pytest_configure(config: pytest.Config) -> None:
    """The process that only talks to the workers needs none, where there are workers."""
    alone = not config.getoption("numprocesses", None)
    if os.geteuid() == 0 and (alone or hasattr(config, "workerinput")):
        netns.of_our_own()
