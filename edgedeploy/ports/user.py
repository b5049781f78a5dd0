"""Who runs this program."""

from __future__ import annotations

import getpass
import os


def name() -> str:
    """The user's name; by number where the system knows none (a container, a CI job)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid{os.getuid()}"
