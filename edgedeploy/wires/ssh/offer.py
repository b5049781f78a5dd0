"""The method "publickey" as RFC 4252, 7 has it: first whether the server takes a key, then the signature.

paramiko signs unasked. But a passphrase, or a finger on a token, is worth asking for only when the key will do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import cMSG_USERAUTH_REQUEST

from edgedeploy.wires.trust import HostKey


def offer(
    transport: paramiko.Transport,
    user: str,
    key: HostKey,
    algorithm: str,
    sign: Callable[[bytes], bytes | None],
    *,
    ask: bool = True,
) -> set[str] | None:
    """Methods still wanted after this key: empty, we are in; None: `sign` had no signature to give.

    Without `ask` the signature is sent unasked. Raises as Transport.auth_publickey.
    """
    handler = _Offer(transport, user, key, algorithm)
    if ask and not handler.taken():
        return set()
    signature = sign(handler.request())
    return None if signature is None else handler.prove(signature)


class _Offer(AuthHandler):
    def __init__(self, transport: paramiko.Transport, user: str, key: HostKey, algorithm: str) -> None:
        super().__init__(transport)
        self._transport = transport
        self._user, self._key, self._algorithm = user, key, algorithm
        self._next = self._message(signed=False)
        self._taken = False

    def taken(self) -> bool:
        """Whether a signature is wanted; a server that lets us in unproven wants none."""
        event = self._await()
        self._next = self._message(signed=False)
        self._transport.auth_handler = self
        with self._transport.lock:
            self._request_auth()  # type: ignore[attr-defined]  # the stubs have only what is public
        try:
            self.wait_for_response(event)
        except paramiko.AuthenticationException:
            if not self._taken:
                raise
            return True
        return False

    def prove(self, signature: bytes) -> set[str]:
        """Methods still wanted after the signature."""
        event = self._await()
        self._next = self._message(signed=True)
        self._next.add_string(signature)
        self._transport.auth_handler = self
        with self._transport.lock:
            self._request_auth()  # type: ignore[attr-defined]  # the stubs have only what is public
        return set(self.wait_for_response(event))

    def request(self) -> bytes:
        """What the signature is of."""
        data = paramiko.Message()
        data.add_string(self._transport.session_id or b"")
        return bytes(data.asbytes() + self._message(signed=True).asbytes())

    def _await(self) -> threading.Event:
        self.username, self.auth_method = self._user, "publickey"
        self.auth_event = threading.Event()
        return self.auth_event

    def _message(self, *, signed: bool) -> paramiko.Message:
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (self._user, "ssh-connection", "publickey"):
            message.add_string(text)
        message.add_boolean(signed)
        message.add_string(self._algorithm)
        message.add_string(self._key.blob)
        return message

    def _parse_service_accept(self, m: paramiko.Message) -> None:  # noqa: ARG002 - paramiko's name
        self._transport._send_message(self._next)  # type: ignore[attr-defined]  # as above

    def _parse_userauth_info_request(self, m: paramiko.Message) -> None:  # noqa: ARG002 - paramiko's name
        # the number of this message means "I would take that key" while a key is offered
        self._taken = True
        if self.auth_event is not None:
            self.auth_event.set()
