"""Free TCP ports on 127.0.0.1."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack


def choose(names: Iterable[str], before: Mapping[str, int]) -> dict[str, int]:
    """A free port for each name, the one it had before where that is still free.

    They are free when this returns; whoever binds them must be ready to find one taken.
    """
    chosen: dict[str, int] = {}
    with ExitStack() as held:
        # All are held until all are chosen, so that no two names get the same one.
        for name in names:
            holder = _bind(before.get(name, 0)) or _bind(0)
            if holder is None:
                raise OSError("no free TCP port on 127.0.0.1")
            held.enter_context(holder)
            chosen[name] = int(holder.getsockname()[1])
    return chosen


def _bind(port: int) -> socket.socket | None:
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return None
    return holder
