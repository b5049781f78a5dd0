"""A ProxyCommand of the user's ssh configuration, as a socket.

Not paramiko.ProxyCommand: that spins when the command ends, and blocks when it complains for long.
"""

from __future__ import annotations

import socket
import subprocess


class Proxied:
    """The command's stdin and stdout as one end of a socket pair; closing it ends the command."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # its stderr is the user's: ssh tells there what is wrong with a jump host
            end = theirs.fileno()
            self._process = subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], stdin=end, stdout=end)
        self.socket = ours

    def close(self) -> None:
        """Hang up and reap. Idempotent."""
        self.socket.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
