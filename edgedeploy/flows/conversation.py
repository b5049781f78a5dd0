"""A conversation with a board that has introduced itself, and the way that led there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from edgedeploy.core import errors, messages
from edgedeploy.core.names import printable
from edgedeploy.flows.find import Found
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.client import AgentClient


@dataclass(frozen=True, slots=True)
class Reached:
    """Open until the end of its `with`."""

    found: Found
    wire: Wire
    client: AgentClient
    welcome: messages.Welcome
    reopen: Callable[[float], tuple[Wire, AgentClient]]
    """the same way once more, with so many seconds of patience; raises as the first time"""

    @property
    def rate(self) -> int | None:
        """Bytes/s that the line carries, None where it is a network."""
        return self.wire.traits.bytes_per_second

    def again(self, timeout: float) -> tuple[Wire, AgentClient]:
        """A new conversation over the same way; this one is over: a port is nobody else's while it is open.

        Raises HostKeyChanged when another board is there now: a cable proves nothing, and may have been put elsewhere.
        """
        self.close()
        wire, client = self.reopen(timeout)
        try:
            there = client.hello().board_id
            if there != self.welcome.board_id:
                raise errors.HostKeyChanged(
                    f"{self.found.place} leads to the board {printable(there, 40)} now, not to {self.found.name}",
                    hint="`edgedeploy status` shows what it serves",
                )
        except BaseException:
            client.__exit__(None, None, None)
            wire.close()
            raise
        return wire, client

    def close(self) -> None:
        """End the conversation. Idempotent."""
        self.client.__exit__(None, None, None)
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_client(wire: Wire, timeout: float) -> tuple[Wire, AgentClient]:
    """Start to talk over a wire; it is closed when nobody answers."""
    try:
        return wire, AgentClient(wire, timeout=timeout)
    except BaseException:
        wire.close()
        raise


def introduced(found: Found, wire: Wire, client: AgentClient, reopen: Callable[[float], tuple[Wire, AgentClient]]) -> Reached:
    """Ask who is there: it must be the board that is meant, for two may have swapped their addresses.

    Raises HostKeyChanged when it is another, and closes the wire whatever it raises.
    """
    try:
        welcome = client.hello()
        if found.known and welcome.board_id != found.known.board_id:
            raise errors.HostKeyChanged(
                f"{found.hosts[0]} is the board {printable(welcome.board_id, 40)}, not {found.known.board_id} ({found.name})",
                hint="`edgedeploy discover` shows which board is where",
            )
    except BaseException:
        wire.close()
        raise
    return Reached(found, wire, client, welcome, reopen)
