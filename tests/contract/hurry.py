"""The waits of a log-in that a pty has no reason for."""

from __future__ import annotations

from collections.abc import Callable

from edgedeploy.wires.serial import expect, recognise

SHORT = (
    # no U-Boot counts at the far end
    (recognise, "LISTEN", 0.3),
    # bytes come as fast as they are written: no prompt stands in the middle of a line for as long
    (recognise, "SETTLE", 0.1),
    # no Xen has a small ring
    (expect, "_PAUSE", 0.002),
)


def hurry(put: Callable[[object, str, float], None] = setattr) -> None:
    """Shorten them; `put` is a monkeypatch's setattr where they are to be as before in the end."""
    for module, name, seconds in SHORT:
        put(module, name, seconds)
