"""The whole use case with a board that answers from a table, and a laptop without a network."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import re
import subprocess
from dataclasses import dataclass, field

import pytest

from edgedeploy.core import errors, messages, names
from edgedeploy.discover.sighting import Sighting
from edgedeploy.flows import recover as flow
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.flows.rescue import probe
from edgedeploy.flows.rescue.mends import Wish
from edgedeploy.remote import agentkit
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui import recovery
from edgedeploy.ui.plain_report import QuietReport
from edgedeploy.wires import trust
from edgedeploy.wires.serial.shell import Ran
from tests.unit.flows.rescue.answers import AGENT, APP, KEY, NOW, WELL

ID = names.BoardId("00112233445566aa")


class Board:
    """Answers the probe with `text`; a mend whose script holds a key of `cures` changes it, any other changes nothing."""

    def __init__(self, *changes, cures=()):
        self.text = WELL.replace(AGENT[:12], agentkit.digest()[:12]).replace(f"now {NOW}", f"now {int(NOW)}")
        self.app = dict(APP)
        for old, new in changes:
            assert old in self.text, old
            self.text = self.text.replace(old, new)
        self.cures = dict(cures)
        self.typed = []

    def run(self, command, timeout=20.0):
        self.typed.append(command)
        if command.endswith("edgedeploy-agent status"):
            return Ran(0, json.dumps({"board": {}, "apps": {"decks": self.app}}))
        if "setsid" in command:
            for part, cure in self.cures.items():
                if part in command:
                    cure(self)
            return Ran(0, "begun")
        if "/end 2>/dev/null;echo ---" in command:
            return Ran(0, "0\n---\nall is well\n")
        if "/probe" in command and "cat >" in command:
            return Ran(0, "0")  # no room for a file: the questions are typed each time
        return Ran(0, self.text if "k uid" in command else "")


@dataclass
class Desk:
    """A laptop: which mends are agreed to, and whether the board answers its network calls."""

    context: Context
    board: Board
    agree: bool = True
    answers: bool = True
    wish: Wish | None = None
    shown: list = field(default_factory=list)
    asked: int = 0

    def recover(self, **words):
        @contextlib.contextmanager
        def console():
            yield self.board

        def address():
            self.asked += 1
            return self.wish

        def wire():
            raise errors.Unreachable("no cable here")

        tools = flow.Tools(
            console, wire, confirm=lambda mend: self.agree, address=address,
            show=lambda who, findings: self.shown.append((who, findings)), now=lambda: float(NOW),
            context=self.context, profiles=(),
        )  # fmt: skip
        return flow.recover(flow.Request(**words), tools)


class Client:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    close = __exit__

    def hello(self):
        return messages.Welcome(ID, "stage", "cubieboard2", "x", {}, {})


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: float(NOW))
    known = KnownBoards(tmp_path / "state")
    known.remember(KnownBoard(ID, "stage", "cubieboard2", "root", ("192.168.1.7",), 22, ("decks",)))
    (tmp_path / "push_ed25519.pub").write_text("ssh-ed25519 AAAAMINE\n")
    trust.Pins(pins_file(tmp_path)).pin(trust.alias_of(ID), trust.HostKey.parse(KEY))
    desk = Desk(None, Board())

    class OneContext(Context):
        def talk(self, found, *, timeout=120.0):
            if not desk.answers:
                raise errors.Unreachable(f"{found.hosts[0]} does not answer")
            return Client(), Client()

    report = QuietReport(io.StringIO())
    desk.context = OneContext(lambda *_: [], lambda _: None, known, lambda *_: None, report, "me", tmp_path)
    return desk


def test_a_well_board(desk):
    result = desk.recover(on="stage")
    assert (result.verdict, result.exit_code, result.tried) == ("reachable", 0, ())
    assert desk.shown == [("this is stage (cubieboard2), enrolled on this laptop", ())]
    assert recovery.outcome(result) == (
        "on air: decks r2\nstage answers at 192.168.1.7 (by its address; mDNS does not bring it here): edgedeploy push decks"
    )


def test_another_board_than_the_named_one_is_not_touched(desk):
    with pytest.raises(errors.UsageFault, match=rf"leads to stage \(board id {ID}\), not to demo") as caught:
        desk.recover(on="demo")
    assert caught.value.exit_code == 2
    assert not desk.shown
    assert not [line for line in desk.board.typed if "setsid" in line]


def test_what_helps_and_what_does_not(desk):
    def started(board):
        board.text = board.text.replace("listen 8027", "listen 0016 8027")

    desk.board = Board(("listen 0016", "listen"), ("procs avahi-daemon", "procs"), cures={'"$S"': started})
    result = desk.recover()
    assert {one.mend.code: one.outcome for one in result.tried} == {"sshd": "helped", "avahi": "no help"}
    assert [one.code for one in result.findings] == ["avahi-down"]
    assert result.exit_code == 0
    said = recovery.outcome(result)
    assert "start Avahi again: done, but it did not help\n    all is well" in said
    assert "still so:\n  - Avahi does not run" in said
    assert "stage answers again at 192.168.1.7 (by its address; mDNS does not bring it here): edgedeploy push decks" in said
    assert said.endswith("the cable may come out now")


ADDRESS = next(f"{line}\n" for line in WELL.splitlines() if "inet 192" in line)
ROUTE = "route default via 192.168.1.1 dev xenbr0\n"


def without_bridge(gateway, cures=()):
    """A board whose bridge lost its port, its address and its way out; `gateway`: what it is set up with."""

    def made(board):
        board.text = board.text.replace("eth0 1 0x1003 1 - -", "eth0 1 0x1003 1 xenbr0 -")
        board.text = board.text.replace("ping ", f"{ADDRESS}ping ")

    return Board((ADDRESS, ""), (ROUTE, gateway), ("eth0 1 0x1003 1 xenbr0 -", "eth0 1 0x1003 1 - -"),
                 cures={"ip link set eth0 master xenbr0": made, **dict(cures)})  # fmt: skip


def test_a_route_that_went_with_the_bridge_is_offered_after_the_bridge(desk):
    def routed(board):
        board.text = board.text.replace("ping ", f"{ROUTE}ping ")

    desk.board = without_bridge("gw 192.168.1.1\n", {"ip route replace default via 192.168.1.1": routed})
    result = desk.recover()
    assert {one.mend.code: one.outcome for one in result.tried} == {"bridge": "helped", "route": "helped"}
    assert result.findings == ()


def test_what_is_only_to_be_known_comes_behind_the_success(desk):
    desk.board = without_bridge("")
    said = recovery.outcome(desk.recover())
    assert "still so" not in said
    assert "stage answers again" in said
    assert said.endswith(
        "the cable may come out now\nnote: the board has no default route: only machines of its own network reach it"
        " (that is enough for a laptop on the same network)"
    )


@pytest.mark.parametrize("line", ["  gateway 192.168.1.1", "Gateway=192.168.1.1", "GATEWAY=192.168.1.1"])
def test_the_probe_reads_the_router_that_a_board_is_set_up_with(tmp_path, line):
    (tmp_path / "10-lan.network").write_text(f"[Network]\n{line}\nGatewayOnLink=no\n")
    asked = re.search(r"^k gw .*?\)$", probe.SCRIPT, re.M | re.S)[0]
    script = f'k(){{ echo "$@";}}\n{asked.replace("/etc/systemd/network", str(tmp_path))}'
    out = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "192.168.1.1" in out.split()
    assert "no" not in out.split()


def test_nothing_is_done_that_was_not_agreed_to(desk):
    desk.board = Board(("listen 0016", "listen"))
    desk.agree = desk.answers = False
    result = desk.recover()
    assert [one.outcome for one in result.tried] == ["declined"]
    assert (result.verdict, result.exit_code) == ("ailing", 47)
    desk.agree = True
    dry = desk.recover(dry_run=True)
    assert [one.outcome for one in dry.tried] == ["would"]
    assert "mkdir -p /run/sshd" in recovery.outcome(dry)
    assert not [line for line in desk.board.typed if "setsid" in line]


def test_a_network_that_is_fine_there_and_out_of_reach_here(desk):
    desk.answers = False
    result = desk.recover()
    assert (result.verdict, result.exit_code) == ("unreachable", 11)
    said = recovery.outcome(result)
    assert "says that its network is fine, but this laptop cannot reach it: 192.168.1.7 does not answer" in said
    assert said.endswith("edgedeploy push decks --via serial")


def test_an_address_is_asked_for_only_when_dhcp_gave_none(desk):
    address = next(line + "\n" for line in WELL.splitlines() if "inet 192" in line)
    desk.board = Board((address, ""))
    desk.wish, desk.answers = Wish(ipaddress.IPv4Interface("10.0.0.9/24")), False
    result = desk.recover()
    assert [(one.mend.code, one.outcome) for one in result.tried] == [
        ("dhcp", "no help"), ("static", "no help"), ("link-local", "no help"),
    ]  # fmt: skip
    assert result.verdict == "ailing"
    assert recovery.verdict(result)[0] == "stage does not answer on the network: the board has no address"
    named = desk.recover(wish=desk.wish)
    assert [one.mend.code for one in named.tried] == ["static", "dhcp", "link-local"], "what a person names goes first"


def test_a_shell_that_is_not_roots_can_only_look(desk):
    desk.board = Board(("uid 0", "uid 1500"), ("listen 0016", "listen"))
    result = desk.recover()
    assert result.tried == ()
    assert {"not-root", "sshd-down"} <= {one.code for one in result.findings}


def test_an_agent_that_cannot_be_installed_stops_nothing_else(desk):
    desk.board = Board(("AAAAMINE edgedeploy", "AAAATHEIRS edgedeploy"))
    result = desk.recover()
    assert [(one.mend.code, one.outcome, one.words) for one in result.tried] == [("agent", "failed", ("no cable here",))]
    assert result.verdict == "reachable"


def test_a_host_key_that_changed_is_pinned_because_the_cable_does_not_lie(desk, tmp_path):
    new = KEY[:-4] + "AAAA"
    desk.board = Board((KEY, new))
    result = desk.recover()
    assert {one.mend.code: one.outcome for one in result.tried} == {"pin": "helped"}
    assert trust.Pins(pins_file(tmp_path)).lookup(trust.alias_of(ID)) == [trust.HostKey.parse(new)]


def test_a_guest_is_started_and_seen(desk):
    def boot(board):
        board.app.update(release="r2", healthy=True)

    desk.board = Board(cures={"edgedeploy-agent boot": boot})
    desk.board.app.update(release="", healthy=False)
    result = desk.recover()
    assert {one.mend.code: one.outcome for one in result.tried} == {"boot": "helped"}
    assert result.on_air == ("decks r2",)


def test_a_shell_that_says_nonsense(desk):
    desk.board.text = "what?\x1b[31m\n" * 3
    with pytest.raises(errors.BoardFault, match="answers no questions"):
        desk.recover()


def test_who_does_not_name_an_address_is_not_asked_again(desk):
    """A desk that says "none" was asked after every mend, once more each time."""
    address = next(line + "\n" for line in WELL.splitlines() if "inet 192" in line)
    desk.board = Board((address, ""), ("procs avahi-daemon", "procs"), ("listen 0016", "listen"))
    desk.answers = False
    desk.recover()
    assert desk.asked == 1


def test_a_board_that_only_has_the_name_is_not_the_one_that_is_meant(desk):
    desk.board = Board(("00112233445566aa", "ffff2233445566aa"))
    with pytest.raises(errors.UsageFault, match=r"board id ffff2233445566aa\), not to stage"):
        desk.recover(on="stage")


def test_a_board_that_nobody_enrolled_can_be_named_as_it_calls_itself(desk):
    desk.board = Board(("00112233445566aa", "ffff2233445566aa"), ('toml name "stage"', 'toml name "other"'))
    assert desk.recover(on="other", dry_run=True).name == "other"


def test_a_dry_run_remembers_nothing(desk, tmp_path):
    desk.board = Board(("192.168.1.7/24", "192.168.1.8/24"))
    answering = desk.context.talk

    def talk(found, *, timeout=120.0):
        if found.hosts[0] != "192.168.1.8":
            raise errors.Unreachable("not there")
        return answering(found)

    object.__setattr__(desk.context, "talk", talk)
    before = (tmp_path / "state" / "boards.json").read_bytes()
    assert desk.recover(dry_run=True).reached.at == "192.168.1.8"
    assert (tmp_path / "state" / "boards.json").read_bytes() == before
    desk.recover()
    assert (tmp_path / "state" / "boards.json").read_bytes() != before


@pytest.mark.parametrize(("seen", "silent", "at"), [
    (("fe80::16:3eff:fe00:1%eth0",), (), "192.168.1.7"),
    (("fe80::16:3eff:fe00:1%eth0",), ("192.168.1.7",), "[fe80::16:3eff:fe00:1%eth0]"),
    (("169.254.7.7",), (), "192.168.1.7"),
    (("192.168.1.9", "fe80::16:3eff:fe00:1%eth0"), (), "192.168.1.9"),
    (("127.0.0.1",), (), "127.0.0.1"),
])  # fmt: skip
def test_a_board_whose_avahi_has_only_begun_is_called_by_an_address_that_lasts(desk, seen, silent, at):
    """An IPv6 link-local address is said first, before the others were probed for by mDNS (RFC 6762, 8.1)."""
    sighting = Sighting(ID, names.BoardName("stage"), names.ProfileName("cubieboard2"), "", seen, 22)
    answering = desk.context.talk

    def talk(found, *, timeout=120.0):
        if found.hosts[0] in silent:
            raise errors.Unreachable("not there")
        return answering(found)

    object.__setattr__(desk.context, "talk", talk)
    object.__setattr__(desk.context, "browse", lambda *_: [sighting])
    result = desk.recover(on="stage")
    assert (result.reached.at, result.reached.how) == (at, "seen by mDNS")
