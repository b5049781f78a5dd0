"""The client where there is nobody to talk to."""

from __future__ import annotations

import pytest

from edgedeploy.core import errors
from edgedeploy.ports.wire import Traits
from edgedeploy.remote.client import AgentClient


class Ended:
    """A stream, and a wire, whose command has ended before it was spoken to."""

    traits = Traits("serial /dev/ttyUSB0", 9600)

    def __init__(self, status: int | None, words: bytes = b"") -> None:
        self.status, self.words = status, words

    def open(self, argv: object) -> Ended:
        return self

    def write(self, data: bytes) -> None:
        raise errors.WireFault("the command on the board has ended")

    def finish(self, timeout: float) -> tuple[int, bytes]:
        if self.status is None:
            raise errors.Unreachable("lost contact")
        return self.status, self.words

    def close(self) -> None:
        pass


@pytest.mark.parametrize("status", [126, 127])
def test_a_board_without_an_agent_is_exit_30_however_early_the_shell_said_so(status: int) -> None:
    client = AgentClient(Ended(status, b"sh: edgedeploy-agent: not found\n"))  # type: ignore[arg-type]  # a Wire as far as asked
    with pytest.raises(errors.ProtocolMismatch, match="this board has no agent") as caught:
        client.hello()
    assert caught.value.details == ("sh: edgedeploy-agent: not found",)


@pytest.mark.parametrize("status", [None, 1])
def test_a_line_that_was_cut_stays_what_it_is(status: int | None) -> None:
    with pytest.raises(errors.WireFault, match="the command on the board has ended") as caught:
        AgentClient(Ended(status)).hello()  # type: ignore[arg-type]  # as above
    assert caught.value.exit_code == 11
