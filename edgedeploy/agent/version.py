"""Which agent this is: the SHA-256 of the zipapp that the laptop shipped."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from edgedeploy.core import files

VERSION_ENTRY = "edgedeploy/agent/VERSION"


@functools.cache
def digest() -> str:
    """64 hexadecimal digits; zeros when the agent runs from a source tree (tests, development)."""
    program = Path(sys.argv[0])
    loader = globals().get("__loader__")
    try:
        return str(loader.get_data(f"{program}/{VERSION_ENTRY}").decode())  # type: ignore[union-attr]  # zipimporter
    except (OSError, AttributeError):
        return files.sha256_file(program) if program.is_file() and program.suffix == ".pyz" else "0" * 64
