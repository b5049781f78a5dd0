"""A board that is this computer, in a folder of its own: the same agent, with releases as processes. No root, no network.

Everything of it is below that folder. It lasts as long as somebody holds its lock: what a kill left is cleared by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgedeploy.agent import compiled, config
from edgedeploy.agent.layout import Layout
from edgedeploy.agent.processes import Processes
from edgedeploy.core import errors, files
from edgedeploy.core.board import HOST
from edgedeploy.core.names import BoardId, BoardName, ProfileName
from edgedeploy.core.release import UNIX
from edgedeploy.ports import folders

PREFIX = "edgedeploy-try-"
_START = "import sys; sys.path.append(sys.argv.pop(1)); import start; sys.exit(start.main())"


@contextlib.contextmanager
def place(temporary: Path | None = None) -> Iterator[Path]:
    """A folder for a board and what belongs to it; nothing of it is left at the end, and nothing of others that were killed."""
    within = temporary or Path(tempfile.gettempdir())
    _sweep(within)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=within))
    try:
        with files.locked(folder / "lock", "edgedeploy try"):
            try:
                yield folder
            finally:
                end(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(within: Path) -> None:
    for folder in within.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, files.Busy):
            if folder.stat().st_uid == os.getuid():
                with files.locked(folder / "lock", "edgedeploy try", wait=False):
                    end(folder)
                    shutil.rmtree(folder, ignore_errors=True)


def enrolled(folder: Path, name: BoardName) -> BoardId:
    """Make a board of the folder."""
    board_id = BoardId(secrets.token_hex(8))
    wanted = config.AgentConfig(board_id, name, ProfileName(HOST), runtime=UNIX)
    files.atomic_write(_layout(folder).config, config.render(wanted).encode())
    return board_id


def end(folder: Path) -> None:
    """End whatever runs there."""
    with contextlib.suppress(errors.EdgeError, OSError):
        runtime = Processes(_layout(folder).processes)
        runtime.end(runtime.domains(), folder, ())


def _layout(folder: Path) -> Layout:
    return Layout(folder / "board")


def command(folder: Path, agent: bytes) -> list[str]:
    """What stands before a command of the board's agent. `agent` is the zipapp."""
    return [sys.executable, "-IS", "-c", _START, str(_library(agent)), "--root", str(_layout(folder).root)]


def _library(agent: bytes) -> Path:
    """Its modules, compiled; made once for all boards of this computer."""
    digest = hashlib.sha256(agent).hexdigest()
    library = folders.cache_dir() / "agent-here" / digest[:16]
    if not library.is_dir():
        library.parent.mkdir(parents=True, exist_ok=True)
        compiled.library(agent, digest, library)
        compiled.forget_others(library)
    return library
