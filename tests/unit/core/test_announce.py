"""The TXT format: what we send we can read; what anybody else sends cannot hurt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedeploy.core import announce
from edgedeploy.core.announce import Announcement, BadAnnouncement
from edgedeploy.core.names import AppName, BoardId, ProfileName, ReleaseId

BOARD = Announcement(
    BoardId("00112233aabbccdd"),
    ProfileName("virtual-armv7"),
    agent="0123456789ab",
    apps={AppName("decks"): ReleaseId("2026-11-23-1"), AppName("web"): None},
    forwards={"10.0.2.20:80": "127.0.0.1:8081", "[fd00::20]:80": "[::1]:8082"},
)
MINIMAL = {b"v": b"1", b"id": b"00112233aabbccdd", b"profile": b"cubieboard2"}


def test_what_is_written_is_read_back() -> None:
    records = announce.txt_records(BOARD)
    assert records[:4] == ["v=1", "id=00112233aabbccdd", "profile=virtual-armv7", "agent=0123456789ab"]
    assert "app.decks=2026-11-23-1" in records
    assert "app.web=" in records
    assert "fwd.0=10.0.2.20:80>127.0.0.1:8081" in records
    assert announce.parse_txt(announce.txt_pairs(records)) == BOARD


apps = st.dictionaries(
    st.from_regex(AppName.pattern, fullmatch=True).map(AppName),
    st.none() | st.from_regex(ReleaseId.pattern, fullmatch=True).map(ReleaseId),
    max_size=60,
)


@given(apps)
def test_any_set_of_apps_fits_or_says_how_many_did_not(apps: dict[AppName, ReleaseId | None]) -> None:
    records = announce.txt_records(Announcement(BOARD.board_id, BOARD.profile, apps=apps))
    assert all(len(record.encode()) <= announce.RECORD_BYTES for record in records)
    assert sum(len(record) + 1 for record in records) <= 1300
    read = announce.parse_txt(announce.txt_pairs(records))
    assert read.apps.items() <= apps.items()
    assert len(read.apps) + read.more == len(apps)


hostile_keys = st.sampled_from([b"v", b"id", b"profile", b"agent", b"app.decks", b"app.\x1b[2J", b"fwd.0", b"more"])
hostile_values = st.none() | st.binary(max_size=300)
hostile_pairs = st.dictionaries(hostile_keys | st.binary(max_size=20), hostile_values, max_size=90)


@given(hostile_pairs, st.booleans())
def test_hostile_records_never_crash_and_never_carry_control_characters(
    pairs: dict[bytes, bytes | None], named: bool
) -> None:
    try:
        read = announce.parse_txt({**pairs, **MINIMAL} if named else pairs)
    except BadAnnouncement as refusal:
        assert not named
        words = [str(refusal)]
    else:
        words = [read.board_id, read.profile, read.agent, *read.apps, *read.ignored]
        words += [
            *read.forwards,
            *read.forwards.values(),
            *(release for release in read.apps.values() if release),
        ]
        assert len(read.apps) <= announce.APPS
        assert len(read.ignored) <= announce.REASONS
    assert all(word.isprintable() and len(word) <= 300 for word in words)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"app.decks", b"\x1b]0;owned\x07"),
        (b"app.decks", b"../../etc"),
        (b"app.UPPER", b"1"),
        (b"agent", b"0123"),
        (b"fwd.0", b"10.0.2.20:80"),
        (b"fwd.0", b"10.0.2.20:80>127.0.0.1:70000"),
        (b"fwd.0", b"10.0.2.20:80>localhost:80"),
        (b"fwd.0", b"[fe80::1%\x1b]:80>127.0.0.1:80"),
        (b"more", b"-1"),
    ],
)
def test_one_bad_entry_is_left_out_and_told(key: bytes, value: bytes) -> None:
    read = announce.parse_txt({**MINIMAL, key: value})
    assert len(read.ignored) == 1
    assert read.ignored[0].isprintable()
    assert not read.apps
    assert not read.forwards


@pytest.mark.parametrize(
    "change", [{b"v": b"2"}, {b"v": None}, {b"id": b"\x1b[31m"}, {b"id": None}, {b"profile": b"Cubie Board"}]
)
def test_a_record_that_names_no_board_is_refused_printably(change: dict[bytes, bytes | None]) -> None:
    with pytest.raises(BadAnnouncement) as refusal:
        announce.parse_txt({**MINIMAL, **change})
    assert str(refusal.value).isprintable()


def test_a_later_format_may_add_keys() -> None:
    assert announce.parse_txt({**MINIMAL, b"showtime": b"1"}).ignored == ()


def test_the_writer_does_not_send_what_the_reader_would_refuse() -> None:
    with pytest.raises(ValueError, match=r"forward|port|address"):
        announce.txt_records(Announcement(BOARD.board_id, BOARD.profile, forwards={"here": "there"}))


def test_avahi_file_and_back() -> None:
    records = announce.txt_records(BOARD)
    text = announce.avahi_service_xml(records, port=2222)
    assert '<name replace-wildcards="yes">%h</name>' in text
    assert "10.0.2.20:80&gt;127.0.0.1:8081" in text
    assert announce.parse_avahi_service_xml(text) == (2222, records)


@given(st.lists(st.text(st.characters(min_codepoint=32, exclude_categories=("C",)), max_size=40), max_size=5))
def test_avahi_file_escapes_anything(records: list[str]) -> None:
    text = announce.avahi_service_xml(records, name="<&>\"'")
    assert announce.parse_avahi_service_xml(text) == (22, records)


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "<service-group/>",
        '<!DOCTYPE s [<!ENTITY a "b">]><s/>',
        "<g><service><type>_edgedeploy._tcp</type><port>x</port></service></g>",
    ],
)
def test_other_avahi_files_are_refused(text: str) -> None:
    with pytest.raises(BadAnnouncement):
        announce.parse_avahi_service_xml(text)
