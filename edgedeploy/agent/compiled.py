"""Makes the installed program from the agent that came: the same zipapp with bytecode of this board's own Python.

A small ARM core needs seconds to compile the agent's sources at each start, and zipimport does not cache. The sources stay
inside: after an upgrade of the board's Python the stale bytecode is ignored and they are used again.
"""

from __future__ import annotations

import io
import py_compile
import tempfile
import zipfile
from pathlib import Path

from edgedeploy.agent.version import VERSION_ENTRY


def program(shipped: bytes, digest: str) -> bytes:
    """The bytes to install. `shipped` is the zipapp as built on the laptop, `digest` its SHA-256."""
    shebang = shipped[: shipped.index(b"\n") + 1]
    out = io.BytesIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(io.BytesIO(shipped)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made,
    ):
        for info in source.infolist():
            if not info.filename.endswith(".py"):
                continue
            text = source.read(info)
            made.writestr(zipfile.ZipInfo(info.filename), text)
            made.writestr(zipfile.ZipInfo(info.filename + "c"), _bytecode(text, info.filename, Path(folder)))
        made.writestr(zipfile.ZipInfo(VERSION_ENTRY), digest)
    return shebang + out.getvalue()


def _bytecode(text: bytes, name: str, folder: Path) -> bytes:
    source, cache = folder / "module.py", folder / "module.pyc"
    source.write_bytes(text)
    # unchecked: zipimport would otherwise compare times that a reproducible zip does not have
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(cache), dfile=name, doraise=True, invalidation_mode=mode)
    return cache.read_bytes()
