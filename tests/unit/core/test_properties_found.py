"""What fuzzing found, as small as it goes. Each of these once raised what it must not, took too long, or let text through."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from edgedeploy.agent import config as agent_config
from edgedeploy.cli import settings
from edgedeploy.core import announce, errors, kernel, names, packing, project, release, scan, strict
from edgedeploy.ports import folders
from edgedeploy.profiles import structure
from tests import kernels
from tests.fuzz.watched import Watched

VM = names.DomainName("decks")
LONG = {
    "a number of 5000 digits": b"app = " + b"1" * 5000,
    "one that only its repr finds too long": b"app = 0x" + b"f" * 5000,
    "lists in lists": b"app = " + b"[" * 1500,
    "tables in tables": b"app" + b".a" * 1500 + b" = 1",
    "no UTF-8": b'app = "\x99"',
}


@pytest.mark.parametrize("raw", LONG.values(), ids=LONG)
def test_toml_that_python_chokes_on_is_a_bad_file_to_all_who_read_one(raw: bytes, tmp_path: Path) -> None:
    for read in (
        lambda: project.loads(raw),
        lambda: structure.parse(raw, names.ProfileName("x"), tmp_path / "x.toml"),
        lambda: agent_config.parse(raw, "agent.toml"),
    ):
        with pytest.raises(errors.BadConfig) as caught:
            read()
        assert len(caught.value.message) < 300
    (tmp_path / "edgedeploy.toml").write_bytes(raw)
    with pytest.raises(errors.BadConfig):
        settings.load(None, tmp_path)


def test_the_words_for_it_are_ours() -> None:
    for raw, said in (
        (b"a = " + b"1" * 5000, "a number in it is too long"),
        (b"a = " + b"[" * 1500, "nested too deeply"),
    ):
        with pytest.raises(errors.BadConfig, match=said):
            strict.toml(raw, "x.toml")


def test_an_agents_file_that_is_no_text_or_names_no_app(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    head = b'[board]\nid = "00112233aabbccdd"\nname = "stage"\nprofile = "rpi4"\n'
    for tail in (b'"\x99', b"[apps.UPPER]\n"):
        path.write_bytes(head + tail)
        with pytest.raises(errors.BadConfig) as caught:
            agent_config.load(path)
        assert caught.value.exit_code == 21


def test_an_address_is_no_way_in_for_control_characters() -> None:
    assert release.parse_address("fe80::1%xenbr0") == "fe80::1%xenbr0"
    for address in ("fe80::1%\x1b[2J", "fe80::1%a\nb", "fe80::1%" + "x" * 300, "fe80::1%a b"):
        with pytest.raises(errors.UsageFault):
            release.parse_address(address)


def test_a_reason_from_the_network_is_short() -> None:
    known = {b"v": b"1", b"id": b"00112233aabbccdd", b"profile": b"rpi4"}
    (reason,) = announce.parse_txt({**known, b"app.decks": b"2" + b"\0" * 200}).ignored
    assert len(reason) <= 201


def test_a_value_that_python_cannot_print_can_be_named() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert names.shown(deep) == "<list too large to show>"
    assert names.shown(16**5000) == "<int too large to show>"
    with pytest.raises(errors.UsageFault, match="not a valid app name"):
        names.AppName.parse(deep)


def test_a_home_that_is_nobodys_is_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders.expand("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    (tmp_path / "config.toml").write_text('[apps.decks]\npath = "~nobody-of-that-name/decks"\n')
    monkeypatch.chdir(tmp_path)
    assert settings.load(tmp_path / "config.toml").apps["decks"].path == tmp_path / "~nobody-of-that-name/decks"
    with pytest.raises(errors.UsageFault, match="there is no app"):
        settings.load(tmp_path / "config.toml").resolve_app("~nobody-of-that-name/x")


def test_notes_that_many_headers_point_at_are_read_once() -> None:
    head = b"\x7fELF\2\1\1" + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0, 64, 0, 0, 64, 56, 128, 64, 0, 0)
    rows = struct.pack("<IIQQQQQQ", 4, 0, 64 + 56 * 128, 0, 0, 1 << 20, 0, 0) * 128
    image = head + rows + bytes(64 * 1024)
    watched = Watched(image, 4)  # was: 128 times, half a second for 72 KB
    assert kernel.probe(watched).kind is kernel.Kind.ELF
    assert watched.total < 3 * len(image)


def test_one_bomb_beside_the_other_costs_as_much_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Was: 23 s for 2 MB of twelve bombs, each unpacked up to the limit."""
    monkeypatch.setattr(scan, "PAYLOAD_LIMIT", 1 << 20)
    inflated = 0

    def counted(pieces, arch, words=()):
        nonlocal inflated
        for piece in pieces:
            inflated += len(piece)
        return scan.Findings(size=inflated)

    monkeypatch.setattr(scan, "scan", counted)
    image = kernels.zimage(packing.pack(bytes(2 << 20), packing.Codec.GZ) * 12)
    found, _ = scan.payload(scan.Source(image), len(image), lambda _: False)
    assert found is None
    assert 0 < inflated <= 5 << 18


def test_what_is_made_printable_is_no_longer_than_asked_for() -> None:
    """Was: 110 NULs in a board's id made a sentence of 500 characters."""
    assert names.printable("\0" * 100, 80) == "\\x00" * 20 + "…"
    assert names.printable("a" * 80, 80) == "a" * 80
    assert names.printable("\0" * 20, 80) == "\\x00" * 20
    assert names.printable("\u1234" * 81, 80) == "\u1234" * 80 + "…"
