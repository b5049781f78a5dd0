"""Which board `enrol` means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgedeploy.cli import enrolling
from edgedeploy.core import errors, names
from edgedeploy.flows import enrol as flow
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import trust


def board(name: str, *hosts: str, port: int = 22, user: str = "root") -> KnownBoard:
    return KnownBoard(
        names.BoardId(name.encode().hex().zfill(16)[:16]), names.BoardName(name), names.ProfileName("cubieboard2"), user, hosts, port
    )


STAGE, SPARE, CABLED = board("stage", "10.0.0.7", "fe80::7%eth0", port=2222), board("spare", "10.0.0.8"), board("cabled")


def test_an_address_is_taken_as_it_is() -> None:
    assert enrolling.meant("anna@10.0.0.9:2200", [STAGE]) == (("10.0.0.9",), 2200, "anna")
    assert enrolling.meant("board.local", []) == (("board.local",), None, None)


def test_the_name_of_an_enrolled_board_is_where_it_last_answered() -> None:
    assert enrolling.meant("stage", [STAGE, SPARE]) == (STAGE.hosts, 2222, "root")
    assert enrolling.meant("cabled", [CABLED]) == (("cabled",), None, None), "it never was on the network: a host name, perhaps"


def test_without_a_word_it_is_the_only_board_there_is() -> None:
    assert enrolling.meant(None, [STAGE, CABLED]) == (STAGE.hosts, 2222, "root")
    with pytest.raises(errors.UsageFault, match="2 boards could be meant: stage, spare") as caught:
        enrolling.meant(None, [STAGE, SPARE])
    assert caught.value.hint == "say which: edgedeploy enrol stage"
    with pytest.raises(errors.UsageFault, match="no board is enrolled here"):
        enrolling.meant(None, [CABLED])


def test_the_key_that_was_pinned_there_is_known(tmp_path: Path) -> None:
    pins = trust.Pins(tmp_path / "known_hosts")
    key, other = (trust.HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + bytes([fill]) * 36) for fill in (1, 2))
    pins.pin(trust.alias_of(STAGE.board_id), key)
    pins.pin(trust.alias_of(SPARE.board_id), other)
    there = enrolling.enrolled_there
    assert there({"10.0.0.7"}, 2222, [STAGE, SPARE, CABLED], pins) == [key]
    assert there({"10.0.0.7"}, 22, [STAGE, SPARE, CABLED], pins) == [], "another sshd of that computer"
    assert there({"10.0.0.8", "board.local"}, 22, [STAGE, SPARE], pins) == [other]


@pytest.mark.parametrize("words", [[], ["--keep"]])
def test_the_original_scripts_stay_where_that_is_said(
    edgedeploy: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    asked: list[flow.Request] = []

    def enrol_host(_hosts: object, _port: object, _user: object, request: flow.Request, *_: object) -> flow.Result:
        asked.append(request)
        return flow.Result("0" * 16, "stage", "cubieboard2", "", (), False)

    monkeypatch.setattr(enrolling, "enrol_host", enrol_host)
    assert edgedeploy("enrol", "10.0.0.7", *words)[0] == 0
    assert [request.keep for request in asked] == [bool(words)]
