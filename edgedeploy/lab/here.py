"""A board that is this computer, in a folder of its own: the same agent, with releases as processes. No root, no network.

Everything of it is below that folder. It lasts as long as somebody holds its lock: what a kill left is cleared by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
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

_ROOT = "--root"
_START = "import sys; sys.path.append(sys.argv.pop(1)); import start; sys.exit(start.main())"


def home() -> Path:
    """Where such boards are: with what else is the user's own, so that nobody else can make, or meet, one of them."""
    return folders.state_dir() / "try"


@contextlib.contextmanager
def place(within: Path | None = None) -> Iterator[Path]:
    """A folder for a board and what belongs to it; nothing of it is left at the end, and nothing of others that were killed."""
    within = within or home()
    within.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as ours:
        with files.locked(within / "lock", "edgedeploy try"):  # one that is made just now is not swept by another
            _sweep(within)
            folder = Path(tempfile.mkdtemp(dir=within))
            ours.callback(_remove, folder)
            ours.enter_context(files.locked(folder / "lock", "edgedeploy try"))
        try:
            yield folder
        finally:
            end(folder)


def _sweep(within: Path) -> None:
    for folder in [path for path in within.iterdir() if path.is_dir() and not path.is_symlink()]:
        with contextlib.suppress(OSError, files.Busy), files.locked(folder / "lock", "edgedeploy try", wait=False):
            end(folder)
            _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(3):  # what was killed may have written its last file meanwhile
        shutil.rmtree(folder, ignore_errors=True)


def enrolled(folder: Path, name: BoardName) -> BoardId:
    """Make a board of the folder."""
    board_id = BoardId(secrets.token_hex(8))
    wanted = config.AgentConfig(board_id, name, ProfileName(HOST), runtimes=(UNIX,))
    files.atomic_write(_layout(folder).config, config.render(wanted).encode())
    return board_id


def end(folder: Path) -> None:
    """End whatever runs there: its agents first, which would start something anew."""
    root = _layout(folder).root
    mark = b"\0".join([b"", _ROOT.encode(), os.fsencode(root), b""])
    for name in filter(str.isdigit, files.listed(Path("/proc"))):
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{name}/cmdline").read_bytes():
                os.kill(int(name), signal.SIGKILL)
    runtime = Processes(_layout(folder).processes)
    with contextlib.suppress(errors.EdgeError, OSError):
        runtime.end(runtime.domains(), folder, ())
    with contextlib.suppress(errors.EdgeError, OSError):
        runtime.sweep()


def _layout(folder: Path) -> Layout:
    return Layout(folder / "board")


def command(folder: Path, agent: bytes) -> list[str]:
    """What stands before a command of the board's agent. `agent` is the zipapp."""
    return [sys.executable, "-IS", "-c", _START, str(_library(agent)), _ROOT, str(_layout(folder).root)]


def _library(agent: bytes) -> Path:
    """Its modules, compiled; made once for all boards of this computer."""
    digest = hashlib.sha256(agent).hexdigest()
    library = folders.cache_dir() / "agent-here" / digest[:16]
    if not library.is_dir():
        library.parent.mkdir(parents=True, exist_ok=True)
        compiled.library(agent, digest, library)
        compiled.forget_others(library)
    return library
