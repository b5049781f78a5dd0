"""Where the lab keeps things: images in the cache (they can be built again), boards in the state folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache() -> Path:
    """The user's cache folder of edgedeploy, or $EDGEDEPLOY_CACHE_DIR."""
    override = os.environ.get("EDGEDEPLOY_CACHE_DIR")
    return Path(override).absolute() if override else platformdirs.user_cache_path("edgedeploy")


def state() -> Path:
    """The user's state folder of edgedeploy, or $EDGEDEPLOY_STATE_DIR."""
    override = os.environ.get("EDGEDEPLOY_STATE_DIR")
    return Path(override).absolute() if override else platformdirs.user_state_path("edgedeploy")


def machines() -> Path:
    """The folder with one folder per lab board."""
    return state() / "lab"
