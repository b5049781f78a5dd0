"""What git runs in place of ssh: `python -m edgedeploy.wires.gitssh.carrier SOCKET [-o …] [-p PORT] [USER@]HOST COMMAND`.

The key and the host keys come over the socket of a keeper.Keeper, and what went wrong goes back over it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.gitssh.deploykey import VARIABLE, DeployKey
from edgedeploy.wires.given_trust import GivenTrust
from edgedeploy.wires.ssh import hostrules, keyfile
from edgedeploy.wires.ssh.config import SshTarget, resolve
from edgedeploy.wires.ssh.login import Credentials
from edgedeploy.wires.ssh.stream import SshStream
from edgedeploy.wires.ssh.wire import SshWire
from edgedeploy.wires.trust import HostTrust
from edgedeploy.wires.userhosts import UserKnownHosts

FAILED = 255
"""ssh's own exit status, when it was not the command that failed"""
_CHUNK = 1 << 16
_PATIENCE_S = 3600.0
"""seconds that a remote may think between two bytes: hooks there may do a lot; the wire itself knows when contact is lost"""


@dataclass(frozen=True, slots=True)
class Call:
    """What git asks ssh to do."""

    target: SshTarget
    command: str

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Call:
        """git's own use of ssh (push_ssh_options in its connect.c). Raises errors.UsageFault."""
        port, left = None, list(argv)
        while left and left[0].startswith("-"):
            option = left.pop(0)
            if option in ("-p", "-o") and left:
                value = left.pop(0)
                port = int(value) if option == "-p" and value.isdigit() else port
        if len(left) != 2:
            raise errors.UsageFault("git asks for something that we do not carry")
        user, _, host = left[0].rpartition("@")
        return cls(SshTarget(host, port, user or None), left[1])


def main(argv: Sequence[str]) -> int:
    """Carry one connection; the exit status is the remote command's."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as keeper:
        try:
            keeper.connect(argv[0])
            told = json.loads(keeper.makefile("rb").readline())
        except (OSError, ValueError):
            sys.stderr.write("edgedeploy: whoever started this is gone\n")
            return FAILED
        threading.Thread(target=_end_with, args=(keeper,), daemon=True).start()
        try:
            return carry(Call.parse(argv[1:]), told["key"], told["host_keys"])
        except errors.EdgeError as fault:
            # of an error's details none is a secret: keys are named by their fingerprint
            said = {"code": fault.exit_code, "message": fault.message, "hint": fault.hint, "details": fault.details}
            with contextlib.suppress(OSError):
                keeper.sendall(json.dumps(said).encode() + b"\n")
            return FAILED
        except BrokenPipeError:  # git is gone
            return FAILED


def carry(call: Call, key: str | None, host_keys: Sequence[str]) -> int:
    """Open the command and join it to stdin and stdout."""
    trust = _trust(call.target, host_keys)
    credentials = Credentials(key=keyfile.parse(key.encode())) if key else Credentials()
    with SshWire(call.target, trust, credentials) as wire:
        try:
            wire.connect()
        except errors.Unreachable as refused:
            raise _in_words(refused, call.target, key) from None
        version = os.environ.get("GIT_PROTOCOL")
        stream = wire.open_line(os.fsencode(call.command), {"GIT_PROTOCOL": version} if version else None)
        threading.Thread(target=_feed, args=(stream,), daemon=True).start()
        while data := stream.read(_CHUNK, _PATIENCE_S):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        status, said = stream.finish(_PATIENCE_S)
    sys.stderr.buffer.write(said)
    sys.stderr.buffer.flush()
    return status


def _trust(target: SshTarget, host_keys: Sequence[str]) -> HostTrust:
    if host_keys:
        return GivenTrust.parse(host_keys)
    return UserKnownHosts(rules=hostrules.of(resolve(target)))


def _in_words(refused: errors.Unreachable, target: SshTarget, key: str | None) -> errors.Unreachable:
    shown = printable(f"{target.user + '@' if target.user else ''}{target.host}", 120)
    if refused.answered and not key:
        return errors.Unreachable(
            f"{shown} lets nobody in without a key, and there is no deploy key",
            hint=f"set {VARIABLE} to the private half of one: edgedeploy ci key",
            details=refused.details,
        )
    if refused.answered and key:
        return errors.Unreachable(
            f"{shown} does not take the deploy key",
            hint=f"add its public half there, with write access: {DeployKey.given(key).public}",
            details=refused.details,
        )
    if refused.message.startswith("the host key of"):
        return errors.Unreachable(
            refused.message, hint="compare it with what the host publishes, then pin it: --host-key 'SHA256:…'"
        )
    return refused


def _feed(stream: SshStream) -> None:
    with contextlib.suppress(errors.WireFault):  # the reader meets the same, and says it
        while data := os.read(0, _CHUNK):
            stream.write(data)
        stream.close_input()


def _end_with(keeper: socket.socket) -> None:
    """Whoever started git is gone: nobody waits for this any more, and nothing may be left that holds the key."""
    with contextlib.suppress(OSError):
        if not keeper.recv(1):
            os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
