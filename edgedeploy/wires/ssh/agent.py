"""The user's SSH agent: which one, its keys, and a signature by one of them (draft-miller-ssh-agent)."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

from edgedeploy.core.names import printable
from edgedeploy.wires.ssh.asked import Settings

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}
ANSWER_S = 10.0
"""seconds until an agent must say which keys it has"""
TOUCH_S = 120.0
"""seconds until it must have signed: it may ask its user, or wait for a finger on a token"""
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key or a certificate that the agent can sign with."""

    blob: bytes
    comment: str


def socket_of(settings: Settings) -> str:
    """Where the agent listens: IdentityAgent, else SSH_AUTH_SOCK; "" for none."""
    said = settings.values.get("identityagent", ("SSH_AUTH_SOCK",))[0]
    if said == "none":
        return ""
    if said == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK", "")
    if said.startswith("$") and not said.startswith("${"):
        return os.environ.get(said[1:], "")
    return settings.expanded(said) or ""


class Agent:
    """A conversation with an agent. Raises OSError when it cannot be had: a dead agent is no agent."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise

    def keys(self) -> list[AgentKey]:
        """What it holds, in its own order."""
        answer = self._ask(bytes([_LIST]), _LISTED)
        number, rest = int.from_bytes(answer[:4], "big"), answer[4:]
        keys = []
        for _ in range(number):
            blob, rest = _string(rest)
            comment, rest = _string(rest)
            keys.append(AgentKey(blob, printable(comment.decode("utf-8", "replace"), 60)))
        return keys

    def sign(self, blob: bytes, data: bytes, algorithm: str) -> bytes:
        """A signature as SSH sends it, by the key with this public half."""
        self._socket.settimeout(TOUCH_S)
        asked = bytes([_SIGN]) + _packed(blob) + _packed(data) + struct.pack(">I", _FLAGS.get(algorithm, 0))
        return _string(self._ask(asked, _SIGNED))[0]

    def close(self) -> None:
        """Idempotent."""
        self._socket.close()

    def _ask(self, message: bytes, wanted: int) -> bytes:
        self._socket.sendall(_packed(message))
        size = int.from_bytes(self._read(4), "big")
        if not 0 < size < _MOST:
            raise OSError("the agent says what no agent says")
        answer = self._read(size)
        if answer[0] != wanted:
            raise OSError("the agent refuses")
        return answer[1:]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise OSError("the agent hung up")
            data += more
        return data


def _packed(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _string(data: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(data[:4], "big")
    if end > len(data):
        raise OSError("the agent's answer stops before its end")
    return data[4:end], data[end:]
