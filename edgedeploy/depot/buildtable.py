"""Fills in [build] of edgedeploy.toml, so that the next release needs no arguments; every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from edgedeploy.core import errors, project

_TABLE = re.compile(r"^[ \t]*\[build\][ \t]*(?:#.*)?\r?$", re.M)
_NEXT = re.compile(r"^[ \t]*\[", re.M)


def filled(text: str, values: Mapping[str, PurePosixPath]) -> str:
    """The file with `values` (kernel, ramdisk, slides) in [build]; the file as it was where that cannot be done by lines.

    Raises errors.BadConfig when the file cannot be read.
    """
    build = project.loads(_raw(text)).build
    wanted = replace(build, **values)
    if wanted == build:
        return text
    result = _edited(text, {key: path for key, path in values.items() if getattr(build, key) != path})
    try:  # a table that is written in another way (dotted keys, inline) would be there twice
        return result if project.loads(_raw(result)).build == wanted else text
    except errors.BadConfig:
        return text


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # a comment may be in any encoding


def _edited(text: str, values: Mapping[str, PurePosixPath]) -> str:
    table = _TABLE.search(text)
    if table is None:
        lines = "".join(_line(key, path) for key, path in values.items())
        return f"{text.rstrip()}\n\n# What `edgedeploy push` makes a release of.\n[build]\n{lines}"
    following = _NEXT.search(text, table.end())
    end = following.start() if following else len(text)
    before, inside, after = text[: table.end()], text[table.end() : end], text[end:]
    for key, path in values.items():
        # its own line, or one that is commented out, as `init` leaves them: that is where a person looks for it
        there = re.search(rf"^[ \t]*{key}[ \t]*=.*$", inside, re.M) or re.search(
            rf"^#[ \t]*{key}[ \t]*=.*$", inside, re.M
        )
        at, end_of_it = there.span() if there else (0, 0)
        line = _line(key, path).strip()
        inside = inside[:at] + (line if there else f"\n{line}") + inside[end_of_it:]
    return before + inside + after


def _line(key: str, path: PurePosixPath) -> str:
    quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'{key} = "{quoted}"\n'
