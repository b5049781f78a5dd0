"""The SSH wire: connect once, check who answers, log in, then one exec channel per command."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.ports.wire import Traits
from edgedeploy.wires.argv import quoted
from edgedeploy.wires.dial import dial
from edgedeploy.wires.ssh.config import Endpoint, SshTarget, origin, resolve
from edgedeploy.wires.ssh.heartbeat import SILENCE, Heartbeat, Metered
from edgedeploy.wires.ssh.login import Credentials, log_in
from edgedeploy.wires.ssh.proxy import Proxied
from edgedeploy.wires.ssh.stream import SshStream
from edgedeploy.wires.ssh.transport import Transport
from edgedeploy.wires.trust import HostKey, HostTrust, Shown

CONNECT_TIMEOUT = 5.0
"""seconds until a TCP connection must stand"""
HANDSHAKE_TIMEOUT = 20.0
"""seconds for banner, key exchange and each answer to a login attempt; an emulated board needs several"""

# without a handler of its own, Python prints paramiko's tracebacks on the user's terminal
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SshWire:
    """ports.wire.Wire over SSH. Connects at the first `open` (or `connect`); once lost, it stays lost."""

    def __init__(
        self,
        target: SshTarget,
        trust: HostTrust,
        credentials: Credentials | None = None,
        *,
        config_file: Path | None = None,
        connect_timeout: float | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        banner_timeout: float = HANDSHAKE_TIMEOUT,
        silence: float = SILENCE,
    ) -> None:
        """`config_file` replaces the user's ssh configuration. Times in seconds, `connect_timeout` in place of the
        configuration's, `banner_timeout` until the server's first byte. Does no I/O yet.
        """
        self._target = target
        self._trust = trust
        self._credentials = credentials or Credentials()
        self._config_file = config_file
        self._connect_timeout = connect_timeout
        self._handshake_timeout = handshake_timeout
        self._banner_timeout = min(banner_timeout, handshake_timeout)
        self._silence = silence
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._proxy: Proxied | None = None
        self._heartbeat: Heartbeat | None = None
        self._host_key: HostKey | None = None
        self._went_silent = False
        self._closed = False

    @property
    def traits(self) -> Traits:
        """As ports.wire.Wire.traits."""
        return Traits(self._target.label)

    @property
    def host_key(self) -> HostKey:
        """The key that the server has proven to own and the trust has accepted. Connects when need be."""
        self.connect()
        assert self._host_key is not None
        return self._host_key

    def connect(self) -> None:
        """Connect and log in, once. Raises as `open` does; BadConfig for a broken ssh configuration."""
        with self._lock:
            if self._closed:
                raise errors.WireFault(f"{self._target.label} is closed")
            if self._transport is not None:
                if not self._transport.is_active():
                    raise self._lost()
                return
            try:
                self._connect()
            except BaseException:
                self._tear_down()
                raise

    def open(self, argv: Sequence[str]) -> SshStream:
        """As ports.wire.Wire.open."""
        return self.open_line(quoted(argv))

    def open_line(self, command: bytes, environment: Mapping[str, str] | None = None) -> SshStream:
        """As `open`, for a line that is quoted as its server wants it; `environment` is offered and may be ignored."""
        self.connect()
        transport = self._transport
        assert transport is not None
        try:
            channel = transport.open_session(timeout=self._handshake_timeout)
            for name, value in (environment or {}).items():
                channel.set_environment_variable(name, value)
            channel.exec_command(command)
        except (OSError, EOFError, paramiko.SSHException) as fault:
            if not transport.is_active():
                raise self._lost() from fault
            raise errors.Unreachable(
                f"{self._target.label} does not start commands: {printable(str(fault), 120)}",
                hint="too many sessions at once, or an SSH server that forbids exec",
            ) from fault
        return SshStream(channel, self._lost)

    def close(self) -> None:
        """As ports.wire.Wire.close."""
        with self._lock:
            self._closed = True
            self._tear_down()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> None:
        endpoint = resolve(self._target, self._config_file)
        meter, address = self._reach(endpoint)
        transport = self._transport = Transport(meter)
        transport.handshake_timeout = self._handshake_timeout
        transport.banner_timeout = max(self._banner_timeout, endpoint.settings.number("connecttimeout", 0))
        transport.auth_timeout = self._handshake_timeout
        self._shake_hands(transport, meter, endpoint)
        key = transport.get_remote_server_key()
        found = HostKey(key.get_name(), key.asbytes())
        proof = key.public_blob.key_blob if key.public_blob else b""
        secrets = self._trust.check(endpoint.known_as, found, Shown(proof, address))
        log_in(transport, endpoint, self._credentials, secrets=secrets)
        self._host_key = found
        self._heartbeat = Heartbeat(transport, meter, self._silence, self._give_up)

    def _reach(self, endpoint: Endpoint) -> tuple[Metered, str]:
        """A socket to the server, and its address where we connected ourselves."""
        if endpoint.proxy is not None:
            self._proxy = Proxied(endpoint.proxy)
            return Metered(self._proxy.socket), ""
        settings = endpoint.settings
        within = self._connect_timeout or settings.number("connecttimeout", 0) or CONNECT_TIMEOUT
        for left in range(settings.number("connectionattempts", 1) - 1, -1, -1):
            try:
                found = dial(endpoint.hosts, endpoint.port, within, origin(settings))
                address = str(found.getpeername()[0])
                return Metered(found), address
            except errors.Unreachable:
                if not left:
                    raise
                time.sleep(1)  # as ssh
        raise errors.Bug("no attempt to connect")

    def _shake_hands(self, transport: Transport, meter: Metered, endpoint: Endpoint) -> None:
        known, vouched = self._trust.known(endpoint.known_as), self._trust.vouched(endpoint.known_as)
        transport.choose(endpoint.settings, [key.kind for key in known], certificates=vouched)
        started = time.monotonic()
        try:
            transport.start_client(timeout=self._handshake_timeout)
            transport.get_remote_server_key()  # start_client does not say when its time was up
        except (OSError, EOFError, paramiko.SSHException) as fault:
            late = time.monotonic() - started >= self._banner_timeout
            what, hint = _handshake_words(fault, meter.heard, late)
            raise errors.Unreachable(
                f"{endpoint.hosts[0]} port {endpoint.port} {what}",
                hint=hint,
                details=(printable(str(fault), 200),) if str(fault) else (),
            ) from fault

    def _give_up(self) -> None:
        self._went_silent = True
        if self._transport is not None:
            self._transport.close()

    def _lost(self) -> errors.Unreachable:
        why = "the network went silent" if self._went_silent else "the far end closed the connection"
        return errors.Unreachable(
            f"lost contact over {self._target.label}: {why}", hint="is the board up? see: edgedeploy status"
        )

    def _tear_down(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._transport is not None:
            self._transport.close()
            if self._transport.is_alive():
                self._transport.join(2)
            # paramiko leaves it open where nothing began: what to offer, or whom to trust, was not known
            self._transport.sock.close()
        if self._proxy is not None:
            self._proxy.close()
        self._transport = None


def _handshake_words(fault: Exception, heard: int, late: bool) -> tuple[str, str]:
    if isinstance(fault, paramiko.ssh_exception.IncompatiblePeer):
        return "shares no SSH algorithm with us", "update the SSH server on the board"
    if not heard:
        if late:
            return (
                "takes the connection but says nothing",
                "the board may still be booting: try again in a moment; if it stays so, by cable: edgedeploy recover",
            )
        return (
            "hangs up at once",
            "the board may still be booting, or its sshd has too many visitors: try again",
        )
    if "banner" in str(fault) or "protocol version" in str(fault) or "Incompatible version" in str(fault):
        return "answers, but not as an SSH server", "is this the right port?"
    return "began to speak SSH and stopped", "the network may be bad: try again, or use a cable"
