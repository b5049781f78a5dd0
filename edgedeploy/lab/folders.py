"""Where the lab keeps things: images in the cache (they can be built again), boards in the state folder."""

from __future__ import annotations

from pathlib import Path

from edgedeploy.ports import folders


def cache() -> Path:
    """The user's cache folder of edgedeploy."""
    return folders.cache_dir()


def machines() -> Path:
    """The folder with one folder per lab board."""
    return folders.state_dir() / "lab"
