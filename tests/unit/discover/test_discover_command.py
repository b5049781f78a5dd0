"""`edgedeploy discover` without a network: what is printed, and how it ends."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from edgedeploy.cli.discover import discover
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName, ReleaseId
from edgedeploy.discover import mdns
from edgedeploy.discover.sighting import Sighting
from edgedeploy.ui.discover import Listing, serves, where

BOARD = Sighting(
    BoardId("00112233aabbccdd"),
    BoardName("cubie"),
    ProfileName("cubieboard2"),
    "0123456789ab",
    ("192.168.1.7", "fe80::1%eth0"),
    22,
    apps={AppName("decks"): ReleaseId("r1"), AppName("web"): None},
)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[Sighting]:
    """What a search will find."""
    there: list[Sighting] = []

    def browse(
        _timeout: float | None, _interfaces: object, *, on_sighting: Callable[[Sighting], None], **_: object
    ) -> list[Sighting]:
        for sighting in there:
            on_sighting(sighting)
        return there

    monkeypatch.setattr(mdns, "browse", browse)
    return there


def test_a_board_is_one_line(network: list[Sighting]) -> None:
    network.append(BOARD)
    done = CliRunner().invoke(discover, [])
    assert done.exit_code == 0
    words = "cubie cubieboard2 192.168.1.7 decks: r1, web: nothing"
    assert done.stdout.split() == words.split()


def test_a_board_without_an_agent_says_what_to_type_next_and_an_agents_name_is_for_whoever_asks() -> None:
    out, more = io.StringIO(), io.StringIO()
    for listing in (Listing(out), Listing(more, verbose=True)):
        listing.seen(dataclasses.replace(BOARD, agent="", apps={}, port=2222))
        listing.seen(dataclasses.replace(BOARD, apps={}))
    new, old = out.getvalue().splitlines()
    assert new.endswith("no agent yet: edgedeploy enrol 192.168.1.7:2222")
    assert old.split() == ["cubie", "cubieboard2", "192.168.1.7", "no", "apps"]
    assert more.getvalue().endswith("agent 0123456789ab\n")
    assert all(len(line) <= 80 for line in out.getvalue().splitlines() if "enrol" not in line)


def test_json_is_one_array(network: list[Sighting]) -> None:
    network.append(BOARD)
    done = CliRunner().invoke(discover, ["--json"])
    (row,) = json.loads(done.stdout)
    assert row["addresses"] == ["192.168.1.7", "fe80::1%eth0"]
    assert row["apps"] == {"decks": "r1", "web": None}


def test_nobody_is_exit_code_10_with_a_hint(network: list[Sighting]) -> None:
    done = CliRunner().invoke(discover, ["--json"])
    assert isinstance(done.exception, errors.NoSuchBoard)
    assert "--host" in done.exception.hint
    assert done.stdout == ""


def test_json_needs_an_end() -> None:
    done = CliRunner().invoke(discover, ["--json", "--follow"])
    assert isinstance(done.exception, errors.UsageFault)


def test_words_of_strangers_do_not_reach_the_terminal_raw() -> None:
    out = io.StringIO()
    with Listing(out, verbose=True) as listing:
        listing.ignored("\x1b[31m[bold]", "a\x07b")
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "[bold]" in out.getvalue()


def test_a_further_address_is_not_worth_a_line_but_a_new_release_is() -> None:
    out = io.StringIO()
    with Listing(out) as listing:
        listing.seen(BOARD)
        listing.seen(dataclasses.replace(BOARD, addresses=("10.0.0.1", *BOARD.addresses)))
        listing.seen(dataclasses.replace(BOARD, apps={AppName("decks"): ReleaseId("r2")}))
        listing.gone(BOARD)
    assert [line.split()[3:5] for line in out.getvalue().splitlines()] == [
        ["decks:", "r1,"],
        ["decks:", "r2"],
        ["network"],
    ]


def test_where_and_what() -> None:
    assert where(dataclasses.replace(BOARD, addresses=("fd00::1",), port=2222)) == "[fd00::1]:2222"
    assert serves(dataclasses.replace(BOARD, apps={}, more=0)) == "no apps"
    assert serves(dataclasses.replace(BOARD, apps={}, more=3)) == "3 more"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_no_word_is_cut_by_the_edge_of_the_terminal_and_a_pipe_has_a_line_a_board(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.setenv(name, "60")
    monkeypatch.setenv("TERM", "xterm")
    out, pipe = Terminal(), io.StringIO()
    for stream in (out, pipe):
        with Listing(stream, spin=False) as listing:
            listing.seen(BOARD)
    (whole,) = pipe.getvalue().splitlines()
    shown = click.unstyle(out.getvalue()).splitlines()
    assert len(whole) > 60
    assert len(shown) > 1
    assert all(len(line) <= 60 for line in shown)
    assert " ".join(shown).split() == whole.split()
