"""Builds the agent: one zipapp out of core/ and agent/, byte for byte the same from the same sources.

Its SHA-256 is its version. It is built when it is needed, from the package that runs: laptop and board never disagree, and
no generated file is kept.
"""

from __future__ import annotations

import ast
import bz2
import contextlib
import functools
import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from edgedeploy.core import files
from edgedeploy.ports import folders
from edgedeploy.remote import strip
from edgedeploy.remote.strip import bare

_SHEBANG = b"#!/usr/bin/python3 -IS\n"
# -I: nothing from the environment or the current folder; -S: no site-packages, which also starts faster
# the link needs next to nothing of the agent, and a person waits for it to start
_MAIN = """import sys
if sys.argv[1:2] == ["link"]:
    from edgedeploy.agent.linkhost import main
else:
    from edgedeploy.agent.__main__ import main
if __name__ == "__main__":
    sys.exit(main())
"""
_LAPTOP_ONLY = {"core/cpio.py", "core/cpiolast.py"}
"""What no board runs."""
_FOOTHOLD = ("core/linkcodec", "core/linkflow", "core/link", "core/mux", "agent/linkhost")
"""modules, each after those that it imports"""
_FIRST = """import sys, types
def m(name, source=""):
 made = sys.modules[name] = types.ModuleType(name)
 exec(source, made.__dict__)
 where, _, last = name.rpartition(".")
 if where:
  setattr(sys.modules[where], last, made)
 m.main = getattr(made, "main", None)
for name in ("edgedeploy", "edgedeploy.core", "edgedeploy.agent"):
 m(name)
"""
LIMIT = 100 * 1024
"""bytes that travel; the agent must stay small enough for a serial line"""


@functools.cache
def build() -> bytes:
    """The zipapp's bytes. Nothing in it is compressed: `shipped` does that better over all modules together.

    Every push compares its digest with the board's, and taking all modules apart is slow: what came of the same sources
    before is taken from the cache folder.
    """
    found = sources()
    made_by = [sys.version, *(Path(file).read_text() for file in (__file__, strip.__file__))]
    key = hashlib.sha256("\0".join([*made_by, *(text for entry in sorted(found.items()) for text in entry)]).encode())
    kept = folders.cache_dir() / "agents" / key.hexdigest()
    with contextlib.suppress(OSError):
        digest, data = kept.read_bytes().split(b"\n", 1)
        if hashlib.sha256(data).hexdigest().encode() == digest:
            return data
    data = assemble(found)
    with contextlib.suppress(OSError):
        for path in kept.parent.glob("*"):
            path.unlink()
        files.atomic_write(kept, hashlib.sha256(data).hexdigest().encode() + b"\n" + data, 0o600)
    return data


def sources() -> dict[str, str]:
    """The modules that the agent is made of, by the path they have in it."""
    package = resources.files("edgedeploy")
    found = {"edgedeploy/__init__.py": (package / "__init__.py").read_text()}
    for floor in ("core", "agent"):
        for source in (package / floor).iterdir():
            name = f"{floor}/{source.name}"
            if source.name.endswith(".py") and name not in _LAPTOP_ONLY:
                found[f"edgedeploy/{name}"] = source.read_text()
    return found


def assemble(modules: Mapping[str, str]) -> bytes:
    """The zipapp out of `sources()`."""
    entries = {"__main__.py": _MAIN, **{name: bare(text) for name, text in modules.items()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name])
    return _SHEBANG + buffer.getvalue()


@functools.cache
def shipped() -> bytes:
    """The zipapp as it travels, compressed by bzip2 as a whole: the modules have much in common."""
    return bz2.compress(build())


@functools.cache
def foothold() -> bytes:
    """The board's half of the serial link for a board without our agent: one Python program, compressed by bzip2."""
    package = resources.files("edgedeploy")
    made = [_FIRST]
    for name in _FOOTHOLD:
        made.append(f"m({'edgedeploy.' + name.replace('/', '.')!r}, {_small((package / f'{name}.py').read_text())!r})")
    made.append("sys.exit(m.main())\n")
    return bz2.compress("\n".join(made).encode())  # 4 % smaller than xz, 9 % than zlib


def _small(source: str) -> str:
    """The same program in fewer bytes: no docstrings, comments or hints of types, one blank for a step of indentation."""
    tree = _Less().visit(ast.parse(source))
    # ast.unparse writes every string in one line, so that what stands at a line's beginning is indentation
    return re.sub(r"^(?: {4})+", lambda found: " " * (len(found[0]) // 4), ast.unparse(tree), flags=re.M)


class _Less(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def digest() -> str:
    """SHA-256 of `build()`: the agent's version."""
    return hashlib.sha256(build()).hexdigest()
