"""One command's channel over the cable as a ports.wire.Stream."""

from __future__ import annotations

from edgedeploy.core import errors
from edgedeploy.core.deadline import Deadline
from edgedeploy.wires.serial.pump import Inbox, Pump


class SerialStream:
    """stdin and stdout of one command. While the cable is out everything waits; timeouts hold all the same."""

    def __init__(self, pump: Pump, argv: bytes) -> None:
        """Raises the pump's fault, or Unreachable when too many commands run at once."""
        self._pump = pump
        self._box = Inbox()
        self._input_closed = False
        self._closed = False
        with pump.changed:
            if pump.fault:
                raise pump.fault
            if pump.mux.full:
                raise errors.Unreachable("too many commands at once over the serial cable", hint="let some of them end")
            self._channel = pump.mux.open(argv)
            pump.inboxes[self._channel] = self._box
        pump.wake()

    def read(self, n: int, timeout: float) -> bytes:
        """As ports.wire.Stream.read."""
        deadline = Deadline.after(timeout)
        box = self._box
        with self._pump.changed:
            self._check_open()
            while not (box.data or box.ended):
                self._check_live()
                if deadline.expired:
                    raise TimeoutError(f"nothing to read within {timeout:g} s")
                self._wait(deadline.remaining)
            data = bytes(box.data[:n])
            del box.data[:n]
            self._pump.mux.used(self._channel, len(data))
        self._pump.wake()
        return data

    def write(self, data: bytes) -> None:
        """As ports.wire.Stream.write. A command that ended takes no more input: WireFault.

        At most some seconds of line time are on their way when it returns.
        """
        view = memoryview(data)
        with self._pump.changed:
            self._check_open()
            if self._input_closed:
                raise errors.Bug("write after close_input")
            while view:
                self._check_live()
                if self._box.refused or self._box.status is not None:
                    raise errors.WireFault("the command on the board has ended", hint="its last words are in the log")
                count = self._pump.mux.write(self._channel, bytes(view[: self._pump.mux.room(self._channel)]))
                view = view[count:]
                if count:
                    self._pump.wake()
                elif view:
                    self._wait(60.0)

    def close_input(self) -> None:
        """As ports.wire.Stream.close_input."""
        with self._pump.changed:
            if not (self._input_closed or self._closed):
                self._input_closed = True
                self._pump.mux.eof(self._channel)
        self._pump.wake()

    def finish(self, timeout: float) -> tuple[int, bytes]:
        """As ports.wire.Stream.finish. 128 + n for a command that signal n ended. Asked once, nothing is read any more."""
        deadline = Deadline.after(timeout)
        box = self._box
        with self._pump.changed:
            self._check_open()
            if not box.ended and box.status is None:
                self._pump.mux.drop(self._channel)
                self._pump.wake()
            while box.status is None:
                self._check_live()
                if deadline.expired:
                    raise TimeoutError(f"the command still runs after {timeout:g} s")
                self._wait(deadline.remaining)
            box.data.clear()
            return box.status, box.words

    def close(self) -> None:
        """As ports.wire.Stream.close."""
        with self._pump.changed:
            if self._closed:
                return
            self._closed = True
            self._pump.mux.close(self._channel)
            self._pump.inboxes.pop(self._channel, None)
            self._pump.changed.notify_all()
            live = self._pump.fault is None
        if live:
            self._pump.wake()

    def _wait(self, timeout: float) -> None:
        self._pump.changed.wait(timeout)
        self._check_open()

    def _check_open(self) -> None:
        if self._closed:
            raise errors.WireFault("the stream is closed")

    def _check_live(self) -> None:
        if self._pump.fault:
            raise self._pump.fault
