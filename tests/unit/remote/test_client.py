"""The client where there is nobody to talk to."""

from __future__ import annotations

import io
from typing import Any

import pytest

from edgedeploy.core import errors, frames, greeting, messages
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


class Speaks:
    """A board that says these things, each after so many messages of ours."""

    traits = Traits("serial /dev/ttyUSB0", 9600)

    def __init__(self, *says: tuple[int, messages.Message]) -> None:
        self.says, self.heard, self.greeted = list(says), 0, False

    def open(self, argv: object) -> Speaks:
        return self

    def read(self, n: int, timeout: float) -> bytes:
        if not self.greeted:
            self.greeted = True
            return greeting.banner()
        if not self.says or self.says[0][0] > self.heard:
            raise TimeoutError
        return frames.encode(messages.to_frame(self.says.pop(0)[1]))

    def write(self, data: bytes) -> None:
        self.heard += 1


class Quiet:
    def advance(self, count: int) -> None: ...
    def detail(self, text: str) -> None: ...


def put(board: Speaks) -> None:
    step: Any = Quiet()
    AgentClient(board).put(io.BytesIO(bytes(100_000)), step)  # type: ignore[arg-type]  # a Wire as far as asked


def test_a_transfer_ends_when_the_board_says_that_its_disk_is_full() -> None:
    board = Speaks((1, messages.Have(0)), (4, messages.Failed(45, "no space left", "", [])))
    with pytest.raises(errors.NoRoom, match="no space left"):
        put(board)
    assert board.heard == 4, "one message asked, three pieces of many"


def test_what_came_at_the_end_is_still_the_answer() -> None:
    pieces = -(-100_000 // (9600 // 4))
    put(Speaks((1, messages.Have(0)), (1 + pieces, messages.Stored())))


@pytest.mark.parametrize("offset", [-1, 100_001, 2**53])
def test_a_board_that_has_what_cannot_be_is_not_ours(offset: int) -> None:
    with pytest.raises(errors.ProtocolMismatch, match="of a file of 100000"):
        put(Speaks((1, messages.Have(offset))))
