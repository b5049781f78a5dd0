"""One exec channel as a ports.wire.Stream."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import paramiko

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.wires.tail import Tail

SLICE = 256 * 1024
"""bytes given to paramiko at once: its sendall copies what is left after every packet"""
DRAIN = 64 * 1024
SETTLE = 1.0
"""seconds that late stderr, or the news that the transport died, may take after the channel closed"""
SIGNALLED = 255
"""exit status of a command that a signal ended, as ssh(1) reports it"""


class SshStream:
    """stdin and stdout of one command. One reader and one writer at a time, who may be two threads.

    The channel's own timeout is not used for reading: paramiko shares it between both directions.
    """

    def __init__(self, channel: paramiko.Channel, lost: Callable[[], errors.WireFault]) -> None:
        self._channel = channel
        self._transport = channel.get_transport()
        self._lost = lost
        self._readable = threading.Event()
        self._input_closed = False
        self._closed = False
        channel.in_buffer.set_event(self._readable)  # set while there is data, and for ever at the end
        self._stderr = Tail(channel.recv_stderr)

    def read(self, n: int, timeout: float) -> bytes:
        """As ports.wire.Stream.read."""
        self._check_open()
        if not self._readable.wait(timeout):
            raise TimeoutError(f"nothing to read within {timeout:g} s")
        data = self._channel.recv(n)
        if not data and not self._channel.eof_received:
            raise self._fault()
        return data

    def write(self, data: bytes) -> None:
        """As ports.wire.Stream.write. A command that ended takes no more input: WireFault."""
        self._check_open()
        if self._input_closed:
            raise errors.Bug("write after close_input")
        try:
            for start in range(0, len(data), SLICE):
                self._channel.sendall(data[start : start + SLICE])
        except (OSError, EOFError, paramiko.SSHException) as fault:
            raise self._fault() from fault

    def close_input(self) -> None:
        """As ports.wire.Stream.close_input."""
        if self._input_closed or self._closed:
            return
        self._input_closed = True
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError, paramiko.SSHException) as fault:
            raise self._fault() from fault

    def finish(self, timeout: float) -> tuple[int, bytes]:
        """As ports.wire.Stream.finish. 255 for a command that a signal ended."""
        self._check_open()
        deadline = Deadline.after(timeout)
        ended = self._channel.status_event
        while not ended.is_set():
            if deadline.expired:
                raise TimeoutError(f"the command still runs after {timeout:g} s")
            if self._channel.eof_received and not self._channel.recv_ready():
                ended.wait(deadline.remaining)
            elif self._readable.wait(min(0.1, deadline.remaining)):
                self._channel.recv(DRAIN)
        if self._channel.exit_status >= 0:
            return self._channel.exit_status, self._stderr.text(SETTLE)
        self._transport.join(SETTLE)  # closed without a status: a signal, or did the whole transport die?
        if not self._transport.is_active():
            raise self._lost()
        return SIGNALLED, self._stderr.text(SETTLE)

    def close(self) -> None:
        """As ports.wire.Stream.close."""
        self._closed = True
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # the transport may be gone
            self._channel.close()
        self._stderr.text(SETTLE)

    def _check_open(self) -> None:
        if self._closed:
            raise errors.WireFault("the stream is closed")

    def _fault(self) -> errors.WireFault:
        """Why the channel gave nothing: we closed it, the command's end closed it, or the transport died."""
        if self._closed:
            return errors.WireFault("the stream is closed")
        self._transport.join(SETTLE)
        if self._transport.is_active():
            return errors.WireFault(
                "the command on the board has ended", hint="its last words are in the log"
            )
        return self._lost()
