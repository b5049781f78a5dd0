"""--via, --port, --timeout, and [boards.NAME]: which word wins."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from edgedeploy.cli import target
from edgedeploy.cli.log import log
from edgedeploy.cli.options import HostPort, Session
from edgedeploy.cli.program import cli
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, BoardId, BoardName, ProfileName
from edgedeploy.depot import pushed_from
from edgedeploy.flows import adapters
from edgedeploy.flows.context import Line
from edgedeploy.flows.find import Via
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.wires.serial import ports
from tests.unit.depot.conftest import depot, git_home  # noqa: F401 - fixtures

CONFIG = """
[boards.stage]
port = "/dev/serial/by-id/usb-x"
via = "serial"
console_user = "admin"
[boards.lab]
host = "10.0.0.7:2222"
"""
COMMANDS = ("push", "status", "rollback", "log")


@pytest.fixture
def session(git_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:  # noqa: F811 - the fixture
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    return Session(config=tmp_path / "config.toml")


def via(session: Session, board: str | None, host: HostPort | None = None, **way: object) -> Via:
    return target.wanted(session, board, host, None, way=target.Way(**way)).via  # type: ignore[arg-type]  # named in tests


def test_a_flag_wins_over_the_configuration_and_that_over_auto(session: Session) -> None:
    assert via(session, None) is Via.AUTO
    assert via(session, "lab") is Via.AUTO
    assert via(session, "stage") is Via.SERIAL
    assert via(session, "stage", via="ssh") is Via.SSH
    assert via(session, "stage", HostPort("10.0.0.9")) is Via.AUTO, "who gives an address means the network"


@pytest.mark.parametrize(
    ("here", "way", "hurries"),
    [
        ([], {}, False),
        ([], {"port": "/dev/null"}, True),
        ([], {"port": "/dev/null", "via": "ssh"}, False),
        ([], {"port": "/dev/ttyNOSUCH"}, False),
        ([ports.Port("/dev/ttyUSB0", "/dev/serial/by-id/usb-x")], {"port": "usb-x"}, True),
        ([ports.Port("/dev/ttyUSB0", remembered=True)], {}, True),
        ([ports.Port("/dev/ttyUSB0", remembered=True)], {"via": "ssh"}, False),
    ],
)
def test_a_dead_network_is_not_waited_for_where_a_cable_is_plugged_in_or_named(
    session: Session, monkeypatch: pytest.MonkeyPatch, here: list[ports.Port], way: dict[str, str], hurries: bool
) -> None:
    monkeypatch.setattr(ports, "here", lambda _more: here)
    told = []
    monkeypatch.setattr(adapters, "over_ssh", lambda _config, hurry: told.append(hurry))
    target.context(session, (), target.wanted(session, "lab", None, None, way=target.Way(**way)))  # type: ignore[arg-type]  # named in tests
    assert [hurry() for hurry in told] == [hurries]


def test_the_configuration_says_which_cable_and_who_logs_in(session: Session) -> None:
    cables = target.context(session, ()).cables
    assert cables is not None
    assert (dict(cables.pins), cables.users["stage"]) == ({"stage": "/dev/serial/by-id/usb-x"}, "admin")
    wanted = target.wanted(session, "lab", None, None, way=target.Way(port="ttyUSB1", timeout=9.0))
    assert (wanted.host, wanted.port, wanted.cable, wanted.timeout) == ("10.0.0.7", 2222, "ttyUSB1", 9.0)
    assert cables.baud("rockpro64") == 1_500_000
    assert cables.baud("nobody knows") == 115200


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_talks_to_a_board_takes_them(command: str, edgedeploy) -> None:  # type: ignore[no-untyped-def]  # a fixture
    code, out, _ = edgedeploy(command, "--help")
    assert code == 0
    for flag in ("--via [auto|ssh|serial]", "--port PORT", "-t, --timeout"):
        assert flag in out
    code, _, err = edgedeploy(command, "--via", "pigeon")
    assert code == 2
    assert "pigeon" in err


def test_the_environment_says_it_once_for_all(edgedeploy, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]  # a fixture
    monkeypatch.setenv("EDGEDEPLOY_VIA", "pigeon")
    assert "pigeon" in edgedeploy("status")[2]
    monkeypatch.setenv("EDGEDEPLOY_VIA", "serial")
    monkeypatch.setenv("EDGEDEPLOY_TIMEOUT", "5")
    monkeypatch.setenv("EDGEDEPLOY_PORT", "/dev/ttyNOSUCH")
    lines = []

    def opened(line: Line) -> Wire:
        lines.append(line)
        raise errors.Unreachable(f"there is no serial port {line.device}")

    monkeypatch.setattr(adapters, "over_serial", opened)
    code, _, err = edgedeploy("status")
    assert code == 11
    assert "there is no serial port /dev/ttyNOSUCH" in err
    assert 0 < lines[0].timeout <= 5


def test_the_shell_completes_boards_apps_releases_and_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(*argv: str) -> list[tuple[str, str]]:
        complete = ShellComplete(cli, {}, "edgedeploy", "_EDGEDEPLOY_COMPLETE")
        return [(item.type, item.value) for item in complete.get_completions([*argv[:-1]], argv[-1])]

    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("EDGEDEPLOY_CONFIG_DIR", str(tmp_path))
    repo = tmp_path / "decks"
    for release in ("20261123-1407-5c1e0a9d", "20261129-0900-aaaaaaaa", "other"):
        (repo / "xen" / release).mkdir(parents=True)
        (repo / "xen" / release / "manifest.json").touch()
    (tmp_path / "config.toml").write_text(f'[apps.decks]\npath = "{repo}"\n[boards.stage]\nport = "/dev/ttyUSB0"\n')
    assert offered("push", "--on", "s") == [("plain", "stage")]
    KnownBoards(tmp_path).remember(
        KnownBoard(BoardId("0" * 16), BoardName("spare"), ProfileName("cubieboard2"), "root", ("10.0.0.8",), 22, (AppName("poster"),))
    )
    assert offered("log", "p") == [("dir", "p"), ("plain", "poster")], "an app that only boards know"
    assert offered("push", "--on", "s") == offered("enrol", "s") == [("plain", "spare"), ("plain", "stage")]
    assert offered("log", "d") == [("dir", "d"), ("plain", "decks")]
    pushed_from.remember("poster", repo)
    for typed in ("poster", f"{repo}/"):
        assert offered("rollback", typed, "20261123") == [("plain", "20261123-1407-5c1e0a9d")]
    newest_first = [("plain", "20261129-0900-aaaaaaaa"), ("plain", "20261123-1407-5c1e0a9d")]
    assert offered("rollback", "decks", "2026") == newest_first
    assert offered("rollback", "elsewhere", "2026") == []
    monkeypatch.setattr(ports, "here", lambda _: [ports.Port("/dev/ttyUSB0"), ports.Port("/dev/ttyS0")])
    assert offered("push", "--port", "/dev/ttyU") == [("plain", "/dev/ttyUSB0")]
    (tmp_path / "boards.json").write_text("{")
    assert offered("push", "--on", "s") == [("plain", "stage")], "a damaged file is told by the command"


def test_the_shell_completes_the_ways() -> None:
    complete = ShellComplete(cli, {}, "edgedeploy", "_EDGEDEPLOY_COMPLETE")
    assert [item.value for item in complete.get_completions(["push", "--via"], "s")] == ["ssh", "serial"]


@pytest.mark.parametrize(
    ("text", "said"),
    [('via = "pigeon"', "via"), ('console_user = "a b"', "console_user"), ("port = 3", "port")],
)
def test_a_wrong_word_in_the_configuration_is_named(
    text: str, said: str, edgedeploy, tmp_path: Path  # type: ignore[no-untyped-def]  # a fixture
) -> None:  # fmt: skip
    (tmp_path / "wrong.toml").write_text(f"[boards.x]\n{text}\n")
    code, _, err = edgedeploy("status", "-c", tmp_path / "wrong.toml")
    assert code == 21
    assert f"boards.x: {said}" in err


def test_an_app_need_not_be_named_where_the_boards_have_but_one(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path))

    def enrol(number: int, name: str, *apps: str) -> None:
        board_id, served = BoardId(f"{number:016x}"), tuple(map(AppName, apps))
        KnownBoards(tmp_path).remember(
            KnownBoard(board_id, BoardName(name), ProfileName("cubieboard2"), "root", (f"10.0.0.{number}",), 22, served)
        )

    def refused(on: str | None = None) -> errors.UsageFault:
        with click.Context(log), pytest.raises(errors.UsageFault, match="there is no deployment repository here") as caught:
            target.app_name(session, None, on)
        return caught.value

    assert "APP" in refused().hint
    enrol(1, "stage", "decks")
    enrol(2, "spare", "decks")
    assert target.app_name(session, None) == "decks"
    enrol(3, "hall", "clock")
    several = refused()
    assert several.details == ("clock", "decks")
    assert several.hint.endswith(" clock")
    assert target.app_name(session, None, "hall") == "clock"
    assert target.app_name(session, None, None, HostPort("10.0.0.3")) == "clock"
    assert target.app_name(session, None, "0000000000000002") == "decks"


def test_what_the_configuration_names_need_not_be_on_this_laptop_to_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgedeploy
) -> None:  # type: ignore[no-untyped-def]  # a fixture
    lost = tmp_path / "lost laptop/decks"
    (tmp_path / "config.toml").write_text(f'[apps.decks]\npath = "{lost}"\n')
    places = []

    def fetch(wanted: object, app: AppName, folder: Path, context: object) -> None:
        places.append((app, folder))
        raise errors.NoSuchBoard("nobody")

    monkeypatch.setattr("edgedeploy.flows.fetch.fetch", fetch)
    for words in (("decks",), ("decks", str(tmp_path / "here"))):
        assert edgedeploy("fetch", *words, "-c", str(tmp_path / "config.toml"))[0] == 10
    assert places == [("decks", lost), ("decks", tmp_path / "here")]


def test_a_folder_means_its_app_as_it_does_to_push(session: Session, tmp_path: Path, depot) -> None:  # type: ignore[no-untyped-def]  # noqa: F811 - a fixture
    place = tmp_path / "talkfolder"
    depot.root.rename(place)
    assert target.app_name(session, "talkfolder") == "decks"
    assert target.app_name(session, "decks") == "decks"
    (tmp_path / "other").mkdir()
    assert target.app_name(session, "other") == "other", "an empty folder is no repository"
