"""Builds the agent: one zipapp out of core/ and agent/, byte for byte the same from the same sources.

Its SHA-256 is its version. It is built when it is needed, from the package that runs: laptop and board never disagree, and
no generated file is kept.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import tokenize
import zipfile
from importlib import resources
from importlib.resources.abc import Traversable

_SHEBANG = b"#!/usr/bin/python3 -IS\n"
# -I: nothing from the environment or the current folder; -S: no site-packages, which also starts faster
_MAIN = "import sys\nfrom edgedeploy.agent.__main__ import main\nsys.exit(main())\n"
_LAPTOP_ONLY = {"core/cpio.py"}
_UNUSED = {"core/link.py", "core/linkcodec.py", "core/linkflow.py"}
"""the board's half of the serial link, which no command of the agent starts yet (docs/adr/0009)"""
LIMIT = 100 * 1024
"""bytes; the agent must stay small enough to be typed over a serial line"""


@functools.cache
def build() -> bytes:
    """The zipapp's bytes."""
    package = resources.files("edgedeploy")
    entries = {"__main__.py": _MAIN, "edgedeploy/__init__.py": (package / "__init__.py").read_text()}
    for floor in ("core", "agent"):
        for source in sorted((package / floor).iterdir(), key=_name):
            name = f"{floor}/{source.name}"
            if source.name.endswith(".py") and name not in _LAPTOP_ONLY | _UNUSED:
                entries[f"edgedeploy/{name}"] = bare(source.read_text())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name], zipfile.ZIP_DEFLATED)
    return _SHEBANG + buffer.getvalue()


def bare(source: str) -> str:
    """A module without its comments and docstrings, every other line where it was: what the board need not carry.

    A serial line would have to carry them too. The sources are on the laptop, and tracebacks name the same lines.
    """
    lines = source.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.line.strip().startswith("#"):
            lines[token.start[0] - 1] = ""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            end = first.end_lineno or first.lineno
            lines[first.lineno - 1 : end] = [""] * (end - first.lineno + 1)
            if len(node.body) == 1:
                lines[first.lineno - 1] = " " * first.col_offset + "pass"
    return "\n".join(lines)


def _name(entry: Traversable) -> str:
    return entry.name


def digest() -> str:
    """SHA-256 of `build()`: the agent's version."""
    return hashlib.sha256(build()).hexdigest()
