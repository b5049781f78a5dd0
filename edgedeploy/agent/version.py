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
    try:
        return (Path(__file__).parent / Path(VERSION_ENTRY).name).read_text()
    except OSError:  # not installed: as it was shipped, or a source tree
        program = Path(sys.argv[0])
        return files.sha256_file(program) if program.is_file() and program.suffix == ".pyz" else "0" * 64


def line() -> str:
    """What `--version` says."""
    return f"edgedeploy-agent {digest()[:12]}"
