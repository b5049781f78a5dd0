"""edgedeploy.toml of a source repository, as it goes into the deployment repository: without what is about building."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

from edgedeploy.core import errors, project

_TABLE = re.compile(r"^[ \t]*\[\[?[ \t]*([^\]\s.]+)", re.M)
_LEFT_OUT = ("build", "ci")


def taken_over(raw: bytes, where: str) -> bytes:
    """The file without [build] and [ci]: those speak of files that are not there. Raises errors.BadConfig."""
    wanted = replace(project.loads(raw, where), build=project.Build())
    text = raw.decode(errors="surrogateescape")  # a comment may be in any encoding
    tables = [found for found in _TABLE.finditer(text) if _stands_alone(text[: found.start()])]
    begins = [_with_its_comment(text, found.start()) for found in tables]
    for found, begin, end in reversed([*zip(tables, begins, [*begins[1:], len(text)], strict=True)] if tables else []):
        if found[1].strip("\"'") in _LEFT_OUT:
            text = text[:begin] + text[end:]
    left = (text.rstrip() + "\n").encode(errors="surrogateescape")
    try:
        told = project.loads(left, where)
    except errors.BadConfig:
        told = None
    if told != wanted:
        raise errors.BadConfig(
            f"{where}: [build] and [ci] are not tables of their own that could be left out",
            hint="write each as [build] on a line of its own, with its keys below",
        )
    return left


def _stands_alone(before: str) -> bool:
    """Whether what comes next begins a line of TOML: no text or list that began before goes on there."""
    try:
        tomllib.loads(before.removeprefix("\ufeff"))
    except ValueError:
        return False
    return True


def _with_its_comment(text: str, at: int) -> int:
    """Where the lines of comment right above begin."""
    while at and (line := text.rfind("\n", 0, at - 1) + 1) < at and text[line:at].lstrip(" \t").startswith("#"):
        at = line
    return at
