"""Makes the installed program from the agent that came: its modules with bytecode of this board's own Python, and a launcher.

A small ARM core needs seconds to compile the agent's sources at each start, and a zip is not only never compiled: Python
imports `runpy` to start one, which costs as much as Python itself. Each version has a folder of its own, so that an agent
that runs goes on with its own modules while another one is installed. The sources stay beside the bytecode: after an
upgrade of the board's Python it is made anew from them.
"""

from __future__ import annotations

import importlib.util
import io
import os
import py_compile
import shutil
import zipfile
from pathlib import Path

from edgedeploy.agent.version import VERSION_ENTRY
from edgedeploy.core import files

_LAUNCHER = """{shebang}
import sys
sys.path.append({library!r})
import start
sys.exit(start.main())
"""


def launcher(shipped: bytes, library: str) -> bytes:
    """The command's text. `shipped` is the zipapp as built on the laptop, `library` the folder of its modules."""
    return _LAUNCHER.format(shebang=shipped.partition(b"\n")[0].decode(), library=library).encode()


def library(shipped: bytes, digest: str, folder: Path) -> None:
    """Fill a folder with the modules, whole or not at all. `digest` is the zipapp's SHA-256."""
    made = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(made, ignore_errors=True)
    try:
        with zipfile.ZipFile(io.BytesIO(shipped)) as source:
            names = [name for name in source.namelist() if name.endswith(".py")]
            source.extractall(made, names)
        (made / "__main__.py").rename(made / "start.py")
        (made / VERSION_ENTRY).write_text(digest)
        for path in made.rglob("*.py"):
            # unchecked: what is in this folder is never changed
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            cache = importlib.util.cache_from_source(str(path))
            py_compile.compile(str(path), cache, str(folder / path.relative_to(made)), doraise=True, invalidation_mode=mode)
        os.sync()  # sixty files; a power cut must not leave the folder without what is in it
        if not folder.is_dir():  # another enrolment may have been quicker
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def forget_others(folder: Path, keep: int = 1) -> None:
    """Remove the versions before this one but for the newest `keep`: agents may run from those.

    What an enrolment that was killed has left goes too, once it is an hour old.
    """
    seen = files.sizes_and_ages(path for path in folder.parent.iterdir() if path != folder and path.is_dir())
    others = {path: stat.st_mtime for path, stat in seen.items()}
    whole = sorted((path for path in others if not path.suffix), key=others.__getitem__, reverse=True)
    unfinished = files.aged({path: stat for path, stat in seen.items() if path.suffix}, 3600)
    for path in [*whole[keep:], *unfinished]:
        shutil.rmtree(path, ignore_errors=True)
