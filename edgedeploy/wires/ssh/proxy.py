"""A ProxyCommand or ProxyJump of the user's ssh configuration, as a socket.

Not paramiko.ProxyCommand: that spins when the command ends, and blocks when it complains for long.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.ssh.asked import Settings

_HOP = re.compile(r"(?:(?P<user>.+)@)?(?:\[(?P<six>[^]]+)\]|(?P<host>[^:@]+))(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """What leads to the server."""

    command: str
    """for the user's shell; its stdin and stdout are the connection"""
    passes: bool = False
    """ProxyUseFdpass: it connects, and hands the socket over"""


def of(settings: Settings, host: str, port: int, user: str, config_file: Path | None) -> Proxy | None:
    """What the configuration says; None: nothing is between. Raises BadConfig for what ssh would not take either."""
    jump, command = settings.one("proxyjump"), settings.one("proxycommand")
    if jump:
        command = _jump(jump, config_file)
    if not command:
        return None
    if command == "-":
        raise errors.BadConfig(
            f"ProxyCommand is - for {host}: the connection would be this program's own input",
            hint=f"name a command instead; see: ssh -G {shlex.quote(settings.host)}",
        )
    tokens = {"%%": "%", "%h": host, "%p": str(port), "%r": user, "%n": settings.host or host}

    def token(found: re.Match[str]) -> str:
        known = tokens.get(found.group()) or settings.expanded(found.group())
        if known is None:
            raise errors.BadConfig(
                f"{printable(found.group(), 10)} means nothing in a ProxyCommand", hint="see TOKENS in: man ssh_config"
            )
        return known

    return Proxy(re.sub("%.?", token, command), settings.yes("proxyusefdpass", default=False))


def _jump(jump: str, config_file: Path | None) -> str:
    """As ssh does it: the last hop is asked to forward, the earlier ones lead to it. The jump hosts' keys, passwords and
    configuration are thereby ssh's own affair.
    """
    *earlier, last = jump.split(",")
    hop = _HOP.fullmatch(last)
    argv = ["ssh"]
    argv += ["-l", hop["user"]] if hop and hop["user"] else []
    argv += ["-p", hop["port"]] if hop and hop["port"] else []
    argv += ["-J", ",".join(earlier)] if earlier else []
    argv += ["-F", str(config_file)] if config_file else []
    where = (hop["six"] or hop["host"]) if hop else last
    # what is to be a token of the command stays one
    return shlex.join([*argv, "-W", "[%h]:%p", "--", where])


class Proxied:
    """The command's stdin and stdout as one end of a socket pair; closing it ends the command."""

    def __init__(self, proxy: Proxy) -> None:
        ours, theirs = socket.socketpair()
        # as ssh: the user's own shell
        shell = os.environ.get("SHELL") or "/bin/sh"
        with theirs:
            # its stderr is the user's: ssh tells there what is wrong with a jump host
            end = theirs.fileno()
            self._process = subprocess.Popen([shell, "-c", f"exec {proxy.command}"], stdin=end, stdout=end)
        self.socket = ours
        if proxy.passes:
            self.socket = self._handed_over(ours)

    def _handed_over(self, ours: socket.socket) -> socket.socket:
        with ours:
            _, handles, _, _ = socket.recv_fds(ours, 1, 1)
        if not handles:
            self._end()
            raise errors.Unreachable(
                "the ProxyCommand ended and passed no connection",
                hint="ProxyUseFdpass wants one that does, such as: nc -F",
            )
        return socket.socket(fileno=handles[0])

    def close(self) -> None:
        """Hang up and reap. Idempotent."""
        self.socket.close()
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
