"""From which folder each app was pushed the last time: for whoever types the app's name somewhere else."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from edgedeploy.core import files
from edgedeploy.ports import folders

KEEP = 100
"""apps; the ones that were pushed last"""


def folder(app: str) -> Path | None:
    """The folder, None where it is not known or not there any more."""
    path = _read().get(app)
    return Path(path) if path and Path(path).is_dir() else None


def remember(app: str, root: Path) -> None:
    """Written only when that is news, and where it can be: the talk is on air all the same."""
    if _read().get(app) == str(root):
        return
    with contextlib.suppress(OSError), files.locked(_file().with_suffix(".lock"), "edgedeploy"):  # two pushes at once
        known = _read()
        known.pop(app, None)
        kept = dict([*known.items(), (app, str(root))][-KEEP:])
        files.atomic_write(_file(), (json.dumps(kept, indent=2) + "\n").encode(), 0o600)


def _file() -> Path:
    return folders.state_dir() / "pushed-from.json"


def _read() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(_file().read_text())
        if isinstance(found, dict):
            return {app: path for app, path in found.items() if isinstance(path, str)}
    return {}
