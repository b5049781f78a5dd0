"""Where slides were laid over a ramdisk: the last of the archives that lie end to end in it. For the laptop alone."""

from __future__ import annotations

from edgedeploy.core.cpioread import HEADER, MAGICS, TRAILER, field, up


def last_archive(data: bytes) -> tuple[int, list[str]] | None:
    """Where the last of the archives begins, and the names in it without the trailer; None for what is not archives alone."""
    at, start, found, inside = 0, 0, list[str](), False
    while at < len(data):
        if not data.startswith(MAGICS, at):
            rest = data[at:].lstrip(b"\0")
            if inside or (rest and not rest.startswith(MAGICS)):
                return None
            if not rest:
                break
            at = len(data) - len(rest)
            continue
        if not inside:
            start, found = at, []
        try:
            size, length = field(data, at + 54), field(data, at + 94)
        except ValueError:
            return None
        name = data[at + HEADER : at + HEADER + length].rstrip(b"\0").decode(errors="surrogateescape")
        inside = name != TRAILER
        found += [name] if inside else []
        at = up(up(at + HEADER + length) + size)
    return None if inside or at == 0 else (start, found)
