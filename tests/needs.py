"""A test that cannot run here: skipped on a developer's machine, a failure where the machine is ours to equip."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def must_run() -> bool:
    """Whether a test that cannot run is a failure."""
    return bool(os.environ.get("CI") or os.environ.get("EDGEDEPLOY_MUST_RUN"))


def thorough() -> bool:
    """Whether this is `make test-all`: more examples of each property."""
    return bool(os.environ.get("EDGEDEPLOY_THOROUGH"))


def require(reason: str) -> NoReturn:
    """Say what is missing. Skips; fails when CI or EDGEDEPLOY_MUST_RUN is set, so that no skip hides a tier."""
    if must_run():
        pytest.fail(f"this machine must be able to run the test: {reason}", pytrace=False)
    pytest.skip(reason)


def examples(most: int) -> int:
    """How many examples a property is asked: `most` where there is time for it, else a tenth, but ten at least."""
    return most if thorough() else max(10, most // 10)
