"""The slide that is edited: one comment in it tells one release from the next."""

from __future__ import annotations

import re
from pathlib import Path

_MARK = re.compile(r"<!-- bench \S+ -->")


def mark(way: str, number: int) -> str:
    """What is served from the `number`th deployment of a way on, and before."""
    return f"<!-- bench {way}-{number} -->"


def edit(folder: Path, text: str) -> None:
    """Put the mark into the talk's page, near its end: a page that is cut short does not count as served."""
    page = folder / "index.html"
    bare = _MARK.sub("", page.read_text())
    page.write_text(bare.replace("</body>", f"{text}</body>"))
