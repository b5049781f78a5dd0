"""Who answers at a guest's address, asked of real machines: network namespaces on one cable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgedeploy.agent import neighbour
from tests import netns

MAC = "02:00:00:00:00:07"


@pytest.fixture(scope="module")
def board() -> Iterator[netns.Namespace]:
    """A board whose bridge leads to one other machine, 10.0.2.7."""
    with netns.Namespace("board") as board, netns.Namespace("other") as other:
        netns.join(board, "eth0", other, "eth0")
        board.ip("link", "add", "xenbr0", "type", "bridge")
        board.ip("link", "set", "eth0", "master", "xenbr0")
        board.ip("link", "set", "xenbr0", "up")
        board.ip("addr", "add", "10.0.2.1/24", "dev", "xenbr0")
        other.ip("link", "set", "eth0", "address", MAC)
        other.ip("addr", "add", "10.0.2.7/24", "dev", "eth0")
        yield board


@pytest.mark.parametrize(
    ("address", "bridge", "found"),
    [
        ("10.0.2.7", "xenbr0", MAC),
        ("10.0.2.8", "xenbr0", ""),
        ("10.0.2.1", "xenbr0", "this board"),
        ("10.0.2.7", "xenbr7", ""),
        ("2001:db8::7", "xenbr0", ""),
        ("127.0.0.1", "lo", ""),
    ],
)  # fmt: skip
def test_who_has_an_address(board: netns.Namespace, address: str, bridge: str, found: str) -> None:
    with board.entered():
        assert neighbour.holder(address, bridge) == found


def test_a_machine_that_left_is_not_taken_for_there(board: netns.Namespace) -> None:
    """The kernel's table still has it."""
    with board.entered():
        board.ip("neigh", "replace", "10.0.2.9", "lladdr", MAC, "dev", "xenbr0")
        assert neighbour.holder("10.0.2.9", "xenbr0") == ""
