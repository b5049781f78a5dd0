"""Fills in [build] of edgedeploy.toml, so that the next release needs no arguments; every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from edgedeploy.depot import config

_TABLE = re.compile(r"^\[build\][ \t]*(?:#.*)?$", re.M)
_NEXT = re.compile(r"^\[", re.M)


def filled(text: str, values: Mapping[str, PurePosixPath]) -> str:
    """The file with the keys of `values` in [build]; those that it names already stay.

    Raises errors.BadConfig when the file cannot be read.
    """
    build = config.loads(text.encode()).build
    missing = {key: path for key, path in values.items() if getattr(build, key) is None}
    if not missing:
        return text
    table = _TABLE.search(text)
    if table is None:
        lines = "".join(_line(key, path) for key, path in missing.items())
        return f"{text.rstrip()}\n\n# What `edgedeploy push` makes a release of.\n[build]\n{lines}"
    following = _NEXT.search(text, table.end())
    end = following.start() if following else len(text)
    before, inside, after = text[: table.end()], text[table.end() : end], text[end:]
    for key, path in missing.items():
        # a line that is commented out, as `init` leaves them, is where a person looks for it
        remark = re.search(rf"^#[ \t]*{key}[ \t]*=.*$", inside, re.M)
        at, end_of_it = remark.span() if remark else (0, 0)
        line = _line(key, path).strip()
        inside = inside[:at] + (line if remark else f"\n{line}") + inside[end_of_it:]
    return before + inside + after


def _line(key: str, path: PurePosixPath) -> str:
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'{key} = "{quoted}"\n'
