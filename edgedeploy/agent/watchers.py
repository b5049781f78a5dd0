"""The processes that start guests anew: `xl create` stays in the background and waits for the death of its guest.

A guest that reboots is gone for as long as its successor takes to build, and the hypervisor lists none meanwhile. Whoever
means to end it must end its watcher first, or it comes back: by the configuration that it was created with, on the same
bridge and with the same addresses as whatever was put on air in its place (xl_vmcontrol.c: create_domain).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from edgedeploy.core import files

PROC = Path("/proc")
_END_S = 10.0


def of(folder: Path, proc: Path = PROC) -> dict[int, str]:
    """Process id -> UUID, of all watchers of the configurations FOLDER/UUID.cfg."""
    found = {}
    for name in files.listed(proc):
        if name.isdigit():
            with contextlib.suppress(OSError):
                argv = (proc / name / "cmdline").read_bytes().split(b"\0")
                if argv[0].rpartition(b"/")[2] == b"xl" and b"create" in argv[1:3]:
                    config = next((Path(os.fsdecode(word)) for word in argv if word.endswith(b".cfg")), None)
                    if config and config.parent == folder:
                        found[int(name)] = config.stem
    return found


def end(folder: Path, uuids: Collection[str]) -> None:
    """End the watchers of these guests; returns when they are gone. What they had half built is left to be destroyed."""
    doomed = [pid for pid, uuid in of(folder).items() if uuid in uuids]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _END_S
    while doomed and time.monotonic() < until and set(doomed) & set(of(folder)):
        time.sleep(0.02)
