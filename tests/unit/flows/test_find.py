"""Which board is meant: every way it can be said, seen or remembered."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edgedeploy.core import errors, names
from edgedeploy.discover.sighting import Sighting
from edgedeploy.flows.find import Found, Until, Wanted, find
from edgedeploy.remote.known import KnownBoard
from edgedeploy.ui.plain_report import QuietReport

DECKS = names.AppName("decks")


def board(number: int, name: str, *apps: str, host: str = "") -> KnownBoard:
    return KnownBoard(
        names.BoardId(f"{number:016x}"), names.BoardName(name), names.ProfileName("cubieboard2"), "root",
        (host or f"10.0.0.{number}",), 22, tuple(names.AppName(app) for app in apps),
    )  # fmt: skip


def seen(known: KnownBoard, address: str) -> Sighting:
    return Sighting(known.board_id, known.name, known.profile, "", (address,), 22)


def look(
    wanted: Wanted, known: Sequence[KnownBoard], sightings: Sequence[Sighting] = (), choice: int | None = None,
    fault: errors.WireFault | None = None,
) -> Found:  # fmt: skip
    def browse(timeout: float, until: Until) -> Sequence[Sighting]:
        if fault:
            raise fault
        return list(sightings)

    return find(wanted, known, browse, lambda question, choices: choice, QuietReport(io.StringIO()))


STAGE, SPARE = board(1, "stage", "decks"), board(2, "spare", "decks")


def test_the_one_enrolled_board_that_is_seen() -> None:
    found = look(Wanted(DECKS), [STAGE], [seen(STAGE, "192.168.7.7")])
    assert (found.hosts, found.how, found.known) == (("192.168.7.7",), "seen by mDNS", STAGE)


def test_mdns_silent_or_dead_falls_back_to_the_last_known_address() -> None:
    for fault in (None, errors.WireFault("no multicast")):
        found = look(Wanted(DECKS), [STAGE], fault=fault)
        assert found.hosts == ("10.0.0.1",)
        assert "last known address" in found.how


def test_two_boards_are_a_question_and_exit_2_when_nobody_answers() -> None:
    sightings = [seen(STAGE, "10.0.0.1"), seen(SPARE, "10.0.0.2")]
    with pytest.raises(errors.UsageFault, match="2 boards could be meant") as caught:
        look(Wanted(DECKS), [STAGE, SPARE], sightings)
    assert caught.value.exit_code == 2
    assert "--on spare" in caught.value.hint
    assert look(Wanted(DECKS), [STAGE, SPARE], sightings, choice=0).known == SPARE, "by name, whoever answered first"
    assert look(Wanted(DECKS, on="spare"), [STAGE, SPARE], sightings).known == SPARE


def test_two_boards_of_one_card_are_told_apart_by_their_address() -> None:
    sightings = [seen(STAGE, "10.0.0.1"), seen(STAGE, "10.0.0.9")]
    with pytest.raises(errors.UsageFault, match="2 boards could be meant") as caught:
        look(Wanted(DECKS), [STAGE], sightings)
    assert caught.value.hint == "say which: --host 10.0.0.1 or --host 10.0.0.9"
    assert "one SD-card image" in caught.value.details[-1]
    namesakes = [STAGE, replace(SPARE, name=STAGE.name)]
    with pytest.raises(errors.UsageFault, match="2 boards could be meant") as caught:
        look(Wanted(DECKS), namesakes, [seen(one, one.hosts[0]) for one in namesakes])
    assert "--host 10.0.0.2" in caught.value.hint
    assert not any("SD-card" in line for line in caught.value.details)


def test_the_question_says_what_each_board_shows() -> None:
    sightings = [
        replace(seen(STAGE, "10.0.0.1"), apps={DECKS: names.ReleaseId("r7"), names.AppName("mail"): names.ReleaseId("r1")}),
        seen(SPARE, "10.0.0.2"),
    ]
    with pytest.raises(errors.UsageFault) as caught:
        look(Wanted(DECKS), [STAGE, SPARE], sightings)
    assert caught.value.details == (
        "spare (cubieboard2) at 10.0.0.2",
        "stage (cubieboard2) at 10.0.0.1; on air: decks r7",
    )


def test_a_board_with_the_app_is_preferred_to_one_without() -> None:
    other = board(3, "other", "mail")
    assert look(Wanted(DECKS), [STAGE, other], [seen(STAGE, "10.0.0.1"), seen(other, "10.0.0.3")]).known == STAGE


def test_a_strangers_board_is_never_chosen_while_one_of_ours_is_meant() -> None:
    found = look(Wanted(DECKS), [STAGE], [seen(SPARE, "10.0.0.9")])
    assert found.known == STAGE


def test_a_board_that_is_not_enrolled_is_offered_as_such() -> None:
    found = look(Wanted(DECKS), [], [seen(SPARE, "10.0.0.9")])
    assert (found.known, found.name) == (None, "spare")


def test_an_address_wins_over_everything_and_asks_no_network() -> None:
    fault = errors.WireFault("must not be asked")
    found = look(Wanted(DECKS, host="172.16.0.9", port=2222), [STAGE], fault=fault)
    assert (found.hosts, found.port, found.known) == (("172.16.0.9",), 2222, STAGE)


def test_nobody_there_is_exit_10_and_says_what_to_do() -> None:
    with pytest.raises(errors.NoSuchBoard, match="none is enrolled"):
        look(Wanted(DECKS), [])
    with pytest.raises(errors.NoSuchBoard, match="no board named 'x'") as caught:
        look(Wanted(DECKS, on="x"), [STAGE])
    assert "stage" in caught.value.message
