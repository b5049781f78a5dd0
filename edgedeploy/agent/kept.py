"""The predecessor that stays paused beside what is on air, so that going back takes no boot: for how long, and what then.

What is written here need not outlive a reboot, as the guest does not.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence

from edgedeploy.agent.layout import PROGRAM, AppLayout
from edgedeploy.core import files
from edgedeploy.core.names import AppName

_SLACK_S = 5.0
After = Callable[[float, Sequence[str]], None]


def after(seconds: float, argv: Sequence[str]) -> None:
    """Start a command later, in a process that outlives this one. What kills it costs memory alone: each tick looks, too."""
    with contextlib.suppress(OSError):
        subprocess.Popen(
            ["sh", "-c", f'sleep {seconds:.0f}; exec "$@"', "sh", *argv],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
        )  # fmt: skip


def keep(layout: AppLayout, app: AppName, uuid: str, later: After, seconds: float) -> None:
    """Note until when a domain is kept (time.monotonic, which all processes share), and have it removed then."""
    files.atomic_write(layout.kept, f"{uuid} {time.monotonic() + seconds}".encode())
    later(seconds + _SLACK_S, [PROGRAM, "apply", app])


def is_kept(layout: AppLayout, uuid: str) -> bool:
    """Whether a domain is still to be kept."""
    try:
        noted, until = layout.kept.read_text().split()
        return noted == uuid and time.monotonic() < float(until)
    except (OSError, ValueError):
        return False
