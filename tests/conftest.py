"""For every tier."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from edgedeploy.core import errors
from tests import commandlines, needs, tiers

# a loaded machine is slow, not wrong: what takes too long is pytest-timeout's affair;
# `make test` asks the same questions each time, so that a red run is about the change and not about the dice; who runs
# pytest by hand rolls them. tests/run.py adds --hypothesis-seed where another seed is asked for
_same = needs.must_run() and os.environ.get("EDGEDEPLOY_SEED", "0") == "0"
_examples = 100 if needs.thorough() else 25
settings.register_profile("edgedeploy", deadline=None, database=None, derandomize=_same, max_examples=_examples)
settings.load_profile("edgedeploy")

_laptops = itertools.count()

# a shell that starts us in the background has us ignore Ctrl-C, and our children with us: but some are to be sent one
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """The tiers are markers."""
    for name, tier in tiers.TIERS.items():
        config.addinivalue_line("markers", f"{name}: {tier.says}")


@pytest.hookimpl(tryfirst=True)  # before -m chooses by it
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test gets its tier, or ends the run."""
    tiers.mark(items, str(config.rootpath))


@pytest.fixture(autouse=True)
def _a_laptop_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What edgedeploy keeps for its user is neither that of whoever runs the tests nor that of the test beside this one."""
    home = tmp_path_factory.getbasetemp() / "laptops" / str(next(_laptops))  # made by whoever writes in it
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))


@pytest.fixture(autouse=True)
def _hints_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every scene is one more of what hints are told in: whatever this test was told to type is taken by the program."""
    said: dict[str, None] = {}
    tell = errors.EdgeError.__init__

    def noting(self: errors.EdgeError, *args: Any, **more: Any) -> None:
        tell(self, *args, **more)
        said[self.hint] = None

    monkeypatch.setattr(errors.EdgeError, "__init__", noting)
    yield
    for hint in [hint for hint in said if "\n" not in hint][:50]:  # which a name may hold, in quotes
        for line in commandlines.in_prose(hint):
            assert commandlines.parsed(line).command.name, hint


def pytest_make_parametrize_id(val: object) -> str | None:
    """A kernel is no name: xdist's workers tell each other the names of all tests."""
    if isinstance(val, bytes | str) and len(val) > 60:
        data = val if isinstance(val, bytes) else val.encode()
        return f"{len(val)}-{hashlib.sha256(data).hexdigest()[:8]}"
    return None
