"""Where edgedeploy keeps its own files on the laptop. Nothing is created here; the writer makes its folder.

Each look-up honours an environment variable first, so that a test, a CI job or a second identity never meets
the user's own files. Where nothing says where (no HOME, no passwd entry) errors.UsageFault is raised.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import platformdirs

from edgedeploy.core import errors

_APP = "edgedeploy"


def config_dir() -> Path:
    """The user's configuration: EDGEDEPLOY_CONFIG_DIR, else $XDG_CONFIG_HOME/edgedeploy or its like."""
    return _place("EDGEDEPLOY_CONFIG_DIR") or _usual(platformdirs.user_config_path)


def state_dir() -> Path:
    """What must survive but is no configuration (keys): EDGEDEPLOY_STATE_DIR, else the platform's place."""
    return _place("EDGEDEPLOY_STATE_DIR") or _usual(platformdirs.user_state_path)


def cache_dir() -> Path:
    """What may be deleted at any time: EDGEDEPLOY_CACHE_DIR, else the platform's place."""
    return _place("EDGEDEPLOY_CACHE_DIR") or _usual(platformdirs.user_cache_path)


def here() -> Path | None:
    """The current folder; None when it is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def is_file(path: Path) -> bool:
    """Whether a file of ours is there. Behind a folder that must not be searched (somebody else's home) there is none."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def typed(folder: Path) -> str:
    """The folder as it is typed here after a command, with a blank before it; "" when one stands in it."""
    stands, there = here(), folder.resolve()
    stands = stands.resolve() if stands else None
    if stands is None or not there.is_relative_to(stands):
        return "" if stands and stands.is_relative_to(there) else f" {word(there)}"
    return f" {word(there.relative_to(stands))}" if there != stands else ""


def word(path: object) -> str:
    """A path as one word of a command line, which no command takes for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def _usual(place: Callable[[str], Path]) -> Path:
    try:
        path = place(_APP)
    except RuntimeError:
        path = Path("~")
    if path.is_absolute():
        return path
    raise errors.UsageFault(
        f"HOME is not set, and user id {os.getuid()} has no home in the passwd database",
        hint="set HOME; or say where our files are: EDGEDEPLOY_CONFIG_DIR, EDGEDEPLOY_STATE_DIR, EDGEDEPLOY_CACHE_DIR",
    )


def _place(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return expand(value).absolute() if value else None


def expand(text: str) -> Path:
    """A path with its leading ~ or ~user replaced; where there is no such user, as it is: what a shell does."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
