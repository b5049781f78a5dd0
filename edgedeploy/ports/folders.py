"""Where edgedeploy keeps its own files on the laptop. Nothing is created here; the writer makes its folder.

Each look-up honours an environment variable first, so that a test, a CI job or a second identity never meets
the user's own files.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import platformdirs

_APP = "edgedeploy"


def config_dir() -> Path:
    """The user's configuration: EDGEDEPLOY_CONFIG_DIR, else $XDG_CONFIG_HOME/edgedeploy or its like."""
    return _place("EDGEDEPLOY_CONFIG_DIR") or platformdirs.user_config_path(_APP)


def state_dir() -> Path:
    """What must survive but is no configuration (keys): EDGEDEPLOY_STATE_DIR, else the platform's place."""
    return _place("EDGEDEPLOY_STATE_DIR") or platformdirs.user_state_path(_APP)


def cache_dir() -> Path:
    """What may be deleted at any time: EDGEDEPLOY_CACHE_DIR, else the platform's place."""
    return _place("EDGEDEPLOY_CACHE_DIR") or platformdirs.user_cache_path(_APP)


def typed(folder: Path) -> str:
    """The folder as it is typed here after a command, with a blank before it; "" when one stands in it."""
    here, there = Path.cwd().resolve(), folder.resolve()
    if here.is_relative_to(there):
        return ""
    return " " + shlex.quote(str(there.relative_to(here) if there.is_relative_to(here) else there))


def _place(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return expand(value).absolute() if value else None


def expand(text: str) -> Path:
    """A path with its leading ~ or ~user replaced; where there is no such user, as it is: what a shell does."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
