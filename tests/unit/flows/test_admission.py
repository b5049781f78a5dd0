"""A board is remembered once the push key was let in, and not before."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edgedeploy.core import errors, names
from edgedeploy.flows import admission
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.ports.wire import Traits
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui.plain_report import PlainReport
from edgedeploy.wires import trust

BOARD = KnownBoard(
    names.BoardId("00112233aabbccdd"),
    names.BoardName("stage"),
    names.ProfileName("cubieboard2"),
    "root",
    ("10.0.0.7",),
    22,
)
ALIAS = trust.alias_of(BOARD.board_id)


class Way:
    """The user's own way in, as far as it is asked."""

    traits = Traits("ssh anna@10.0.0.7")


def key(fill: int) -> trust.HostKey:
    return trust.HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + bytes([fill]) * 36)


def refusal(*, answered: bool) -> errors.Unreachable:
    fault = errors.Unreachable("root@10.0.0.7 refused every way to log in")
    fault.answered = answered
    return fault


def context(tmp_path: Path, fault: Exception) -> Context:
    def connect(_found: object) -> object:
        raise fault

    def nothing(*_: object) -> tuple[()]:
        return ()

    return Context(
        nothing,
        connect,
        KnownBoards(tmp_path / "state"),
        nothing,
        PlainReport(io.StringIO()),
        "me",
        tmp_path / "config",
    )  # type: ignore[arg-type]


def admitted(house: Context, door: str, host_key: trust.HostKey | None = None) -> None:
    admission.admit(BOARD, host_key or key(1), house, Way(), lambda: door, cable=False)  # type: ignore[arg-type]


def test_a_refusal_is_told_with_its_cause_and_leaves_nothing(tmp_path: Path) -> None:
    house = context(tmp_path, refusal(answered=True))
    with pytest.raises(errors.Unreachable, match="as root: sshd's PermitRootLogin is no") as told:
        admitted(house, "set permitrootlogin no\nlog ROOT LOGIN REFUSED\n")
    assert told.value.hint.endswith("then: edgedeploy enrol anna@10.0.0.7")
    assert told.value.details == ("root@10.0.0.7 refused every way to log in", "ROOT LOGIN REFUSED")
    assert house.known.all() == []
    assert trust.Pins(pins_file(house.config)).lookup(ALIAS) == []


def test_a_refusal_without_a_cause_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(errors.Unreachable, match="why, its sshd does not say") as told:
        admitted(context(tmp_path, refusal(answered=True)), "")
    assert "see what sshd logs" in told.value.hint


def test_a_board_that_was_enrolled_before_stays_as_it_was(tmp_path: Path) -> None:
    house = context(tmp_path, refusal(answered=False))
    house.known.remember(BOARD)
    trust.Pins(pins_file(house.config)).pin(ALIAS, key(1))
    with pytest.raises(errors.Unreachable, match="refused every way"):
        admitted(house, "set permitrootlogin no\n", key(2))
    assert house.known.all() == [BOARD]
    assert trust.Pins(pins_file(house.config)).lookup(ALIAS) == [key(1)]
