"""The wire to this very machine: commands as subprocesses. For tests, and for work on the board itself."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.ports.wire import Traits
from edgedeploy.wires.argv import checked
from edgedeploy.wires.tail import Tail

GRACE = 2.0
"""seconds between a hang-up and a kill"""
SETTLE = 1.0
"""seconds that late stderr may take: a grandchild may hold it open for ever"""


class LocalStream:
    """stdin and stdout of one subprocess, in a session of its own."""

    def __init__(self, argv: Sequence[str]) -> None:
        # sh's exec gives the 127 and 126 of the contract, and then is the command itself
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@"', "sh", *checked(argv)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        stderr = self._process.stderr.fileno()
        self._stderr = Tail(lambda n: os.read(stderr, n))
        self._closed = False

    def read(self, n: int, timeout: float) -> bytes:
        """As ports.wire.Stream.read."""
        self._check_open()
        if not self._wait_readable(timeout):
            raise TimeoutError(f"nothing to read within {timeout:g} s")
        return os.read(self._stdout.fileno(), n)

    def write(self, data: bytes) -> None:
        """As ports.wire.Stream.write. A command that ended takes no more input: WireFault."""
        self._check_open()
        if self._stdin.closed:
            raise errors.Bug("write after close_input")
        view = memoryview(data)
        try:
            while view:
                view = view[self._stdin.write(view) or 0 :]
        except OSError as fault:
            raise errors.WireFault("the command has ended", hint="its last words are in the log") from fault

    def close_input(self) -> None:
        """As ports.wire.Stream.close_input."""
        self._stdin.close()

    def finish(self, timeout: float) -> tuple[int, bytes]:
        """As ports.wire.Stream.finish. 128 + n for a command that signal n ended, as a shell reports it."""
        self._check_open()
        deadline = Deadline.after(timeout)
        at_end = False
        while (status := self._process.poll()) is None:
            if deadline.expired:
                raise TimeoutError(f"the command still runs after {timeout:g} s")
            if at_end:
                self._wait(deadline.remaining)
            elif self._wait_readable(min(0.05, deadline.remaining)):
                at_end = not os.read(self._stdout.fileno(), 65536)
        return status if status >= 0 else 128 - status, self._stderr.text(SETTLE)

    def close(self) -> None:
        """As ports.wire.Stream.close."""
        if self._closed:
            return
        self._closed = True
        self._stdin.close()
        self._stdout.close()
        if self._process.poll() is None:
            self._signal(signal.SIGHUP)
            if not self._wait(GRACE):
                self._signal(signal.SIGKILL)
                self._process.wait()
        self._stderr.text(SETTLE)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _wait(self, timeout: float) -> bool:
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may end meanwhile
            os.killpg(self._process.pid, number)

    def _wait_readable(self, timeout: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            return bool(selector.select(timeout))

    def _check_open(self) -> None:
        if self._closed:
            raise errors.WireFault("the stream is closed")


class LocalWire:
    """ports.wire.Wire to this machine."""

    def __init__(self, program: Sequence[str] = ()) -> None:
        """`program`: what is started in place of whichever program a command names, as the push key does."""
        self._program = list(program)
        self._streams: list[LocalStream] = []
        self._closed = False

    @property
    def traits(self) -> Traits:
        """As ports.wire.Wire.traits."""
        return Traits("local")

    def open(self, argv: Sequence[str]) -> LocalStream:
        """As ports.wire.Wire.open. Never Unreachable."""
        if self._closed:
            raise errors.WireFault("the local wire is closed")
        stream = LocalStream([*self._program, *argv[1:]] if self._program else argv)
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        """As ports.wire.Wire.close."""
        self._closed = True
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
