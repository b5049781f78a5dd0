"""A file over edgedeploy's serial wire, to or from a board's shell. The laptop's end, as `edgedeploy push --via serial` has it.

    python -m bench.linkend TTY (send|receive) FILE REMOTE MARK

MARK is made when the wire is connected, which is when the file's time begins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edgedeploy.remote.agentkit import foothold
from edgedeploy.wires.serial import port_lock
from edgedeploy.wires.serial.wire import SerialWire

_PIECE, _PATIENCE = 4096, 600.0


def main(argv: Sequence[str]) -> int:
    tty, what, file, remote, mark = argv
    port_lock.PROC = Path(os.devnull)  # the relay has this port open, too, and would rightly be named as its holder
    with SerialWire(tty, 115200, foothold(), ask=lambda _: None) as wire:
        wire.connect()
        Path(mark).touch()
        command = 'exec cat >"$0"' if what == "send" else 'exec cat "$0"'
        stream = wire.open(["/bin/sh", "-c", command, remote])
        if what == "send":
            stream.write(Path(file).read_bytes())
            stream.close_input()
        else:
            stream.close_input()
            with open(file, "wb", buffering=0) as target:
                while data := stream.read(_PIECE, _PATIENCE):
                    target.write(data)
        return stream.finish(_PATIENCE)[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
