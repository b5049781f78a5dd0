"""The ladder: which error leads to the cable, who wins the race, and that the right board answers."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgedeploy.core import deadline, errors, messages, names
from edgedeploy.flows import race, reach
from edgedeploy.flows.consolepass import ConsolePassword, Keyring
from edgedeploy.flows.context import Cables, Context, Line
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.find import Found, Via, Wanted
from edgedeploy.ports.wire import Traits
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui.plain_report import PlainReport
from edgedeploy.wires.serial.ports import Port
from tests.guard import USUAL_S, until
from tests.unit.flows.test_find import DECKS, board, seen

STAGE, SPARE = board(1, "stage", "decks"), board(2, "spare", "decks")
USB = Port("/dev/ttyUSB0", "/dev/serial/by-id/usb-one", 0x0403, 0x6001)
OTHER = Port("/dev/ttyUSB1", "/dev/serial/by-id/usb-two", 0x0403, 0x6001)
MODEM = Port("/dev/ttyACM0", "", 0x1111, 0x2222)
DEAD = "10.0.0.1 port 22: no answer within 5 s"


def unreachable(words: str = DEAD, *, answered: bool = False) -> errors.Unreachable:
    error = errors.Unreachable(words, hint="is it on?")
    error.answered = answered
    return error


@pytest.mark.parametrize(
    ("error", "cable"),
    [
        (unreachable(), True),
        (errors.WireFault("the board does not answer"), True),
        (unreachable("root@10.0.0.1 refused every way to log in", answered=True), False),
        (errors.HostKeyChanged("somebody else"), False),
        (errors.OutcomeUnknown("contact was lost while it deployed"), False),
        (errors.ProtocolMismatch("this board has no agent"), False),
        (errors.NoSuchBoard("no board named x"), False),
        (errors.UsageFault("2 boards could be meant"), False),
        (errors.BadConfig("ssh rejects its configuration"), False),
        (errors.DoesNotFit("an x86 kernel"), False),
        (errors.BoardFault("refused"), False),
        (errors.NoRoom("full"), False),
        (errors.RolledBack("rolled back"), False),
        (errors.Interrupted("Ctrl-C"), False),
        (errors.Bug("ours"), False),
        (OSError("what nobody translated"), False),
    ],
)  # fmt: skip
def test_only_a_way_that_failed_leads_to_the_next(error: Exception, cable: bool) -> None:
    assert reach.next_rung(error) is cable


class Client:
    """Talks like AgentClient as far as a greeting goes."""

    def __init__(self, wire: FakeWire, *, timeout: float = 0) -> None:
        self.wire = wire
        wire.open(())

    def hello(self, timeout: float | None = None) -> messages.Welcome:
        self.wire.patience = timeout
        there = self.wire.there
        if isinstance(there, Exception):
            raise there
        return messages.Welcome(there.board_id, there.name, there.profile, "agent", {}, {})

    def __exit__(self, *_: object) -> None:
        pass


@dataclass
class FakeWire:
    there: KnownBoard | Exception
    after: threading.Event | None = None
    """what must have happened before it answers, or fails"""
    speed: int | None = None
    rate: float = 0
    closed: int = 0
    fault: Exception | None = None
    patience: float | None = None

    @property
    def traits(self) -> Traits:
        return Traits("fake", self.speed)

    def open(self, argv: object) -> None:
        if self.after and not self.after.wait(USUAL_S):
            raise AssertionError("somebody waits for a board that does not answer")
        if self.fault:
            raise self.fault

    def close(self) -> None:
        self.closed += 1


class Ring(Keyring):
    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def get(self, account: str) -> str | None:
        return self.kept.get(account)

    def keeps(self) -> bool:
        return True

    def keep(self, account: str, password: str) -> bool:
        self.kept[account] = password
        return True


@dataclass
class World:
    """A network, cables, a person and a registry, all of them made up."""

    folder: Path
    known: Sequence[KnownBoard] = (STAGE,)
    network: Callable[[Found], FakeWire] = lambda found: FakeWire(unreachable(), fault=unreachable())
    sightings: Sequence[Any] = ()
    browsing: threading.Event | None = None
    """what ends mDNS's looking, besides having seen enough"""
    ports: Sequence[Port] = ()
    console: Callable[[Line], FakeWire] = lambda line: FakeWire(STAGE, speed=9600)
    choice: int | None = None
    pins: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    wires: list[FakeWire] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.out = io.StringIO()
        self.registry = KnownBoards(self.folder)
        for one in self.known:
            self.registry.remember(one)

    def context(self) -> Context:
        def browse(timeout: float, enough: Any) -> Sequence[Any]:
            if self.browsing:
                end = self.browsing
                until(lambda: end.is_set() or enough(()), "mDNS may stop")
            return self.sightings

        def connect(found: Found) -> Any:
            return self._made(self.network(found))

        def opened(line: Line) -> Any:
            self.lines.append(line)
            return self._made(self.console(line))

        def choose(question: str, choices: Sequence[str]) -> int | None:
            self.asked.append(question)
            return self.choice

        report = PlainReport(self.out)
        password = ConsolePassword(lambda prompt: None, lambda question: False, report.warn, Ring())
        cables = Cables(lambda: self.ports, opened, lambda: password, lambda kind: 1_500_000, self.pins)
        return Context(browse, connect, self.registry, choose, report, "anna@laptop", self.folder, cables)

    def _made(self, wire: FakeWire) -> FakeWire:
        self.wires.append(wire)
        return wire

    def reach(self, **wanted: Any) -> Reached:
        return reach.reach(Wanted(DECKS, **wanted), self.context())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    from edgedeploy.flows import conversation

    monkeypatch.setattr(conversation, "AgentClient", Client)
    return lambda **about: World(tmp_path, **about)


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """What does not happen while the test runs; then it does, so that nobody is left waiting."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], threading.Event]:
    """What happens when the race has done with the first news of a kind: "_seen" of mDNS, "_ended" of an attempt."""

    def happened(method: str) -> threading.Event:
        event, real = threading.Event(), getattr(race._Race, method)

        def done(*args: Any) -> Any:
            try:
                return real(*args)
            finally:
                event.set()

        monkeypatch.setattr(race._Race, method, done)
        return event

    return happened


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the race has waited for news: none comes, and the time passes on a clock of the test's own."""
    waited: list[float] = []

    class NoNews(queue.SimpleQueue):  # type: ignore[type-arg]  # nothing is in it
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if timeout is None:  # the race is over, and clears up
                return super().get()
            waited.append(timeout)
            raise queue.Empty

    monkeypatch.setattr(race, "queue", SimpleNamespace(SimpleQueue=NoNews, Empty=queue.Empty))
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: 1000.0 + sum(waited)))
    return waited


def answers(there: KnownBoard, after: threading.Event | None = None) -> Callable[[Found], FakeWire]:
    return lambda found: FakeWire(there, after)


# --- the network's half ---------------------------------------------------------------------------------------------


def test_the_last_known_address_is_tried_while_mdns_still_looks(
    world: Callable[..., World], never: threading.Event
) -> None:
    made = world(network=answers(STAGE), browsing=never)
    reached = made.reach()
    assert (reached.found.known, reached.found.hosts) == (STAGE, ("10.0.0.1",))
    assert "last known address" in made.out.getvalue()


def test_what_mdns_sees_wins_over_an_address_that_is_silent(
    world: Callable[..., World], never: threading.Event
) -> None:
    def network(found: Found) -> FakeWire:
        if found.hosts == ("10.0.0.77",):
            return FakeWire(STAGE)
        return FakeWire(unreachable(), never, fault=unreachable())

    made = world(network=network, sightings=[seen(STAGE, "10.0.0.77")])
    reached = made.reach()
    assert (reached.found.hosts, reached.found.how) == (("10.0.0.77",), "seen by mDNS")
    stored = made.registry.get(STAGE.board_id)
    assert stored is not None
    assert stored.hosts == ("10.0.0.77",), "and is remembered"


def test_a_place_that_both_name_is_tried_once(
    world: Callable[..., World], after: Callable[[str], threading.Event]
) -> None:
    made = world(network=answers(STAGE, after("_seen")), sightings=[seen(STAGE, "10.0.0.1")])
    assert made.reach().found.how == "seen by mDNS"
    assert len(made.wires) == 1


def test_who_answers_too_late_is_hung_up_on(world: Callable[..., World]) -> None:
    decided = threading.Event()

    def network(found: Found) -> FakeWire:
        return FakeWire(STAGE, None if found.hosts == ("10.0.0.77",) else decided)

    made = world(network=network, sightings=[seen(STAGE, "10.0.0.77")])
    reached = made.reach()
    decided.set()
    until(lambda: sum(wire.closed for wire in made.wires) == 1, "the late one is hung up on")
    assert reached.wire.closed == 0  # type: ignore[attr-defined]  # a FakeWire


def test_a_strangers_key_at_the_old_address_does_not_keep_from_the_board_that_is_seen(
    world: Callable[..., World], after: Callable[[str], threading.Event]
) -> None:
    refused = after("_ended")

    def network(found: Found) -> FakeWire:
        old = found.hosts == ("10.0.0.1",)
        return FakeWire(STAGE, None if old else refused, fault=errors.HostKeyChanged("not its key") if old else None)

    made = world(network=network, sightings=[seen(STAGE, "10.0.0.77")], ports=[USB])
    assert made.reach().found.hosts == ("10.0.0.77",)
    made = world(network=network, ports=[USB])
    with pytest.raises(errors.HostKeyChanged) as caught:
        made.reach()
    assert caught.value.exit_code == 12
    assert not made.lines, "somebody else answered: that is no reason to type at a console"
    assert "--via serial does" in caught.value.details[-1]


def test_another_board_behind_the_address_is_no_success(world: Callable[..., World]) -> None:
    made = world(network=answers(SPARE))
    with pytest.raises(errors.HostKeyChanged, match="is the board 0000000000000002, not 0000000000000001"):
        made.reach()
    assert all(wire.closed for wire in made.wires)


def test_several_boards_that_mdns_does_not_see_are_all_tried_and_the_one_that_answers_is_meant(
    world: Callable[..., World],
) -> None:
    def network(found: Found) -> FakeWire:
        return FakeWire(SPARE) if found.name == "spare" else FakeWire(STAGE, fault=unreachable())

    assert world(known=(STAGE, SPARE), network=network).reach().found.known == SPARE


def test_the_board_a_repository_went_to_is_meant_and_no_other_gets_what_was_for_it(world: Callable[..., World]) -> None:
    def network(found: Found) -> FakeWire:
        return FakeWire(SPARE) if found.name == "spare" else FakeWire(STAGE, fault=unreachable())

    made = world(known=(STAGE, SPARE), network=network, sightings=[seen(SPARE, "10.0.0.2")])
    with pytest.raises(errors.Unreachable, match=r"^stage does not answer: 10\.0\.0\.1 port 22") as caught:
        made.reach(usual=str(STAGE.board_id))
    assert caught.value.hint.endswith("To go to another board: --on spare")
    assert made.reach(usual=str(STAGE.board_id), on="spare").found.known == SPARE
    assert made.reach(usual="f" * 16).found.name == "spare", "one that is not enrolled here any more"


def test_who_waits_long_is_told_for_what(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, never: threading.Event
) -> None:
    monkeypatch.setattr(race, "_SILENCE_S", 0.01)
    said: dict[str, threading.Event] = {}
    for words in ("trying 10.0.0.1 port 22", "waiting for stage's agent"):
        said[words] = threading.Event()

    def detail(_: object, text: str) -> None:
        if text in said:
            said[text].set()

    monkeypatch.setattr("edgedeploy.ui.plain_report._PlainStep.detail", detail)
    connected, answer = said.values()
    hello = Client.hello
    monkeypatch.setattr(Client, "hello", lambda self, timeout=None: answer.wait(USUAL_S) and hello(self, timeout))
    assert world(network=lambda found: FakeWire(STAGE, connected), browsing=never).reach().found.known == STAGE


def test_a_virtual_board_that_is_silent_is_most_likely_off_and_the_command_that_switches_it_on_is_named(
    world: Callable[..., World],
) -> None:
    lab = replace(STAGE, profile=names.ProfileName("virtual-armv7"))
    with pytest.raises(errors.Unreachable) as caught:
        world(known=(lab,)).reach()
    assert caught.value.hint == "is it switched on? edgedeploy lab up stage"
    with pytest.raises(errors.Unreachable) as caught:
        world(known=(lab, SPARE)).reach(usual=str(lab.board_id))
    assert caught.value.hint == "is it switched on? edgedeploy lab up stage   To go to another board: --on spare"


def test_why_this_board_of_two_that_have_the_app_is_said(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE), network=lambda found: FakeWire(found.known or unreachable()))
    made.reach(usual=str(SPARE.board_id))
    assert "; it is the one that was pushed to the last time (another: --on stage))" in made.out.getvalue()
    for known, about in (((STAGE, SPARE), {"on": "spare"}), ((SPARE, board(3, "third", "web")), {})):
        one = World(made.folder / str(len(about)), known, lambda found: FakeWire(found.known or unreachable()))
        one.reach(usual=str(SPARE.board_id), **about)
        assert "last time" not in one.out.getvalue()


def test_boards_that_are_silent_are_named(world: Callable[..., World]) -> None:
    with pytest.raises(errors.Unreachable, match=r"^spare and stage do not answer$") as caught:
        world(known=(STAGE, SPARE)).reach()
    assert {f"spare: {DEAD}", f"stage: {DEAD}"} < {*caught.value.details}


def test_several_that_answer_are_a_question(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, after: Callable[[str], threading.Event]
) -> None:
    monkeypatch.setattr(race, "OTHERS_S", USUAL_S)
    first = after("_ended")

    def network(found: Found) -> FakeWire:
        return FakeWire(SPARE) if found.name == "spare" else FakeWire(STAGE, first)

    made = world(known=(STAGE, SPARE), network=network, ports=[USB])
    with pytest.raises(errors.UsageFault, match="2 boards could be meant"):
        made.reach()
    assert all(wire.closed for wire in made.wires)
    assert not made.lines
    made = world(known=(STAGE, SPARE), network=network, choice=0)
    reached = made.reach()
    assert [wire.closed for wire in made.wires if wire is not reached.wire] == [1]
    assert reached.wire.closed == 0  # type: ignore[attr-defined]  # a FakeWire


def test_via_ssh_never_falls_down_to_the_cable(world: Callable[..., World]) -> None:
    made = world(ports=[USB])
    with pytest.raises(errors.Unreachable, match="no answer"):
        made.reach(via=Via.SSH)
    assert not made.lines


def test_the_timeout_bounds_the_network_and_leaves_half_to_the_cable(
    world: Callable[..., World], never: threading.Event, waits: list[float]
) -> None:
    made = world(network=answers(STAGE, never), browsing=never)
    with pytest.raises(errors.Unreachable, match=r"in time \(--timeout 0\.4\)"):
        made.reach(timeout=0.4)
    assert waits == pytest.approx([0.4])
    made = world(network=answers(STAGE, never), browsing=never, ports=[USB])
    assert made.reach(timeout=1.0).found.cable == USB.pin
    assert waits[1:] == pytest.approx([0.5])
    assert made.lines[0].timeout == pytest.approx(0.5)


def test_a_port_that_was_named_gets_its_half_of_the_timeout_whatever_kind_it_is(
    world: Callable[..., World], never: threading.Event, waits: list[float]
) -> None:
    own = Port("/dev/ttyS0", "", None, None)
    made = world(
        network=answers(STAGE, never), browsing=never, ports=[own], console=lambda line: FakeWire(STAGE, speed=9600)
    )
    assert made.reach(timeout=2.0, cable="/dev/ttyS0").found.place == own.device
    assert waits == pytest.approx([1.0])
    assert made.lines[0].timeout == pytest.approx(1.0)


def test_a_bug_in_an_attempt_is_not_taken_for_a_dead_network(world: Callable[..., World]) -> None:
    made = world(network=lambda found: FakeWire(STAGE, fault=ZeroDivisionError()), ports=[USB])
    with pytest.raises(ZeroDivisionError):
        made.reach()


# --- down to the cable ----------------------------------------------------------------------------------------------


def test_when_the_network_is_dead_the_cable_is_taken_and_it_says_why(world: Callable[..., World]) -> None:
    made = world(ports=[MODEM, USB])
    reached = made.reach()
    assert (reached.found.known, reached.rate) == (STAGE, 9600)
    assert f"over the serial cable /dev/ttyUSB0: the network way failed (stage does not answer: {DEAD})" in made.out.getvalue()
    assert "FAILED" not in made.out.getvalue(), "nothing has failed for who reads along: there is another way"
    (line,) = made.lines
    assert (line.device, line.baud, line.user, line.rate) == ("/dev/ttyUSB0", 1_500_000, "root", None)
    stored = made.registry.get(STAGE.board_id)
    assert stored is not None
    assert (stored.serial, stored.hosts) == (USB.stable, ("10.0.0.1",)), "the cable is remembered beside the network"


def test_the_rate_that_a_line_carried_is_where_the_next_session_begins(world: Callable[..., World]) -> None:
    made = world(ports=[USB], console=lambda line: FakeWire(STAGE, speed=9600, rate=9001.7))
    made.reach(via=Via.SERIAL)
    made.reach(via=Via.SERIAL)
    assert [line.rate for line in made.lines] == [None, 9001.0]


def test_without_a_cable_the_error_is_the_networks(world: Callable[..., World]) -> None:
    for ports in ([], [MODEM]):
        with pytest.raises(errors.Unreachable, match="port 22") as caught:
            world(ports=ports).reach()
        assert (caught.value.exit_code, caught.value.hint) == (11, "is it on?")
        assert caught.value.details == ("serial cable: there is no USB-serial cable plugged in",)


def test_a_port_that_was_named_and_is_not_there_says_nothing_of_the_board(world: Callable[..., World]) -> None:
    made = world(ports=[MODEM])
    with pytest.raises(errors.Unreachable, match="port 22") as caught:
        made.reach(cable="/dev/ttyNOSUCH")  # most likely EDGEDEPLOY_PORT, of another day
    assert caught.value.details == ("serial cable: there is no serial port /dev/ttyNOSUCH",)
    assert made.lines == []
    assert "over the serial cable" not in made.out.getvalue()


def test_several_cables_are_a_question_and_the_networks_error_when_nobody_answers(
    world: Callable[..., World],
) -> None:
    with pytest.raises(errors.Unreachable) as caught:
        world(ports=[USB, OTHER]).reach()
    assert caught.value.exit_code == 11
    assert "--port" in caught.value.hint
    assert "2 serial cables here" in caught.value.details[0]
    with pytest.raises(errors.UsageFault, match="2 serial cables"):
        world(ports=[USB, OTHER]).reach(via=Via.SERIAL)
    made = world(ports=[USB, OTHER], choice=1)
    assert made.reach().found.cable == OTHER.pin
    made = world(ports=[USB, OTHER])
    made.reach(cable="ttyUSB0")
    assert made.lines[0].device == "/dev/ttyUSB0", "a name that is typed wins over the one that is remembered"


def test_a_boards_own_cable_is_taken_among_several(world: Callable[..., World]) -> None:
    made = world(ports=[USB, OTHER], pins={"stage": OTHER.stable})
    assert made.reach().found.cable == OTHER.pin
    made = world(ports=[USB, OTHER])
    assert made.reach().found.cable == OTHER.pin, "and was remembered"
    assert not made.asked


def test_a_cable_in_the_wrong_board_names_both(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, board(2, "spare", "mail")), ports=[USB], console=lambda line: FakeWire(SPARE))
    for via in (Via.AUTO, Via.SERIAL):
        with pytest.raises(errors.HostKeyChanged) as caught:
            made.reach(via=via)
        assert "leads to the board spare (0000000000000002), not to stage (0000000000000001)" in caught.value.message
        assert caught.value.hint == "put the cable into stage, or mean this one: --on spare"
        assert made.wires[-1].closed
    made = world(known=(STAGE, SPARE), ports=[USB], console=lambda line: FakeWire(SPARE))
    with pytest.raises(errors.HostKeyChanged, match="not to stage"):
        made.reach(on="stage", via=Via.SERIAL)


def test_with_several_candidates_the_cable_decides_and_it_is_said(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE), ports=[USB], console=lambda line: FakeWire(SPARE))
    assert made.reach().found.known == SPARE
    assert "the board at the end of the cable is spare" in made.out.getvalue()


@pytest.mark.parametrize("via", [Via.SERIAL, Via.AUTO])
def test_an_address_names_the_board_also_where_the_cable_is_taken(world: Callable[..., World], via: Via) -> None:
    made = world(known=(STAGE, SPARE), ports=[USB], console=lambda line: FakeWire(SPARE))
    with pytest.raises(errors.HostKeyChanged, match=r"leads to the board spare .*, not to stage"):
        made.reach(via=via, host=STAGE.hosts[0])
    assert made.reach(via=via, host=SPARE.hosts[0]).found.known == SPARE


def test_an_address_that_was_once_another_boards_does_not_overrule_the_name(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE), network=answers(STAGE))
    assert made.reach(on="stage", host=SPARE.hosts[0]).found.known.board_id == STAGE.board_id  # type: ignore[union-attr]  # it is enrolled


def test_which_board_is_at_an_address_is_asked_once(world: Callable[..., World]) -> None:
    made = world(known=(STAGE, SPARE), ports=[USB], console=lambda line: FakeWire(SPARE), choice=1)
    with pytest.raises(errors.HostKeyChanged, match="not to stage"):
        made.reach(host="10.9.9.9")
    assert len(made.asked) == 1


def test_a_board_that_is_not_enrolled_is_not_enrolled_over_the_cable_by_a_push(world: Callable[..., World]) -> None:
    made = world(known=(), ports=[USB])
    with pytest.raises(errors.UsageFault, match="is not enrolled on this laptop") as caught:
        made.reach(via=Via.SERIAL)
    assert caught.value.hint == "enrol it over the cable: edgedeploy recover"
    assert made.wires[0].closed
    with pytest.raises(errors.HostKeyChanged, match="not to other"):
        world(known=(), ports=[USB]).reach(via=Via.SERIAL, on="other")


def test_no_agent_at_the_end_of_the_cable_is_for_recover(world: Callable[..., World]) -> None:
    made = world(ports=[USB], console=lambda line: FakeWire(errors.ProtocolMismatch("this board has no agent")))
    with pytest.raises(errors.ProtocolMismatch) as caught:
        made.reach(via=Via.SERIAL)
    assert "edgedeploy recover" in caught.value.hint


def test_when_both_ways_fail_the_cable_says_why_and_the_network_is_a_detail(world: Callable[..., World]) -> None:
    stuck = errors.Unreachable("the board is in U-Boot on /dev/ttyUSB0", hint="type boot")
    made = world(ports=[USB], console=lambda line: FakeWire(STAGE, fault=stuck))
    with pytest.raises(errors.Unreachable, match="U-Boot") as caught:
        made.reach()
    assert caught.value.exit_code == 11
    assert caught.value.details[-1] == f"before that, the network way failed (stage does not answer: {DEAD})"


def test_a_refused_key_is_said_and_the_cable_only_named(world: Callable[..., World]) -> None:
    refused = unreachable("root@10.0.0.1 refused every way to log in", answered=True)
    made = world(network=lambda found: FakeWire(STAGE, fault=refused), ports=[USB])
    with pytest.raises(errors.Unreachable, match="refused") as caught:
        made.reach()
    assert not made.lines
    assert "--via serial does" in caught.value.details[-1]


def test_a_board_enrolled_over_its_cable_has_no_address_and_needs_none(world: Callable[..., World]) -> None:

    cabled = replace(STAGE, hosts=(), serial=USB.stable)
    made = world(known=(cabled,), ports=[USB], console=lambda line: FakeWire(cabled, speed=9600))
    assert made.reach().found.label == f"stage (cubieboard2) at {USB.stable}"
    with pytest.raises(errors.Unreachable, match="stage is not seen on the network, and never was"):
        world(known=(cabled,)).reach(via=Via.SSH)


def test_coming_back_over_the_cable_gives_the_port_up_first(world: Callable[..., World]) -> None:
    made = world(ports=[USB])
    reached = made.reach(via=Via.SERIAL)
    seen_closed = []
    made.console = lambda line: (seen_closed.append(made.wires[0].closed), FakeWire(STAGE, speed=9600))[1]
    reached.again(7.0)
    assert seen_closed == [1]
    assert made.lines[-1].timeout == 7.0


def test_with_a_timeout_the_agent_at_the_end_of_the_cable_has_no_more_than_that(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    made = world(ports=[USB])
    made.reach(via=Via.SERIAL, timeout=30.0)
    made.reach(via=Via.SERIAL, timeout=1.0)
    assert [wire.patience for wire in made.wires] == [30.0, 10.0], "its Python has to start"


def test_coming_back_to_another_board_is_no_answer(world: Callable[..., World]) -> None:
    made = world(ports=[USB])
    reached = made.reach(via=Via.SERIAL)
    other = replace(STAGE, board_id=names.BoardId("somebody-else"))
    made.console = lambda line: FakeWire(other, speed=9600)
    with pytest.raises(errors.HostKeyChanged, match=r"leads to the board somebody-else now, not to stage"):
        reached.again(7.0)
    assert [wire.closed for wire in made.wires] == [1, 1]


def test_when_one_attempt_ends_the_race_badly_the_other_is_not_left_open(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, after: Callable[[str], threading.Event]
) -> None:
    monkeypatch.setattr(race, "OTHERS_S", USUAL_S)
    first = after("_ended")

    def network(found: Found) -> FakeWire:
        here = found.name == "stage"
        return FakeWire(STAGE) if here else FakeWire(SPARE, first, fault=ValueError("a bug"))

    made = world(known=(STAGE, SPARE), network=network)
    with pytest.raises(ValueError, match="a bug"):
        made.reach()
    assert [wire.closed for wire in made.wires] == [1, 1]


def test_interrupted_in_the_race_nothing_is_left_open(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    made = world(network=answers(STAGE, gone), browsing=gone)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(race._Race, "_watch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.reach()
    gone.set()
    until(lambda: [wire.closed for wire in made.wires] == [1], "the one that answers now is hung up on")


def test_nobody_enrolled_and_nobody_seen_is_exit_10(world: Callable[..., World]) -> None:
    with pytest.raises(errors.NoSuchBoard) as caught:
        world(known=(), ports=[USB]).reach()
    assert "edgedeploy recover does" in caught.value.details[-1]
    with pytest.raises(errors.UsageFault) as stranger:
        world(known=(), sightings=[seen(SPARE, "10.0.0.9")]).reach()
    assert stranger.value.hint == "edgedeploy enrol 10.0.0.9"
    assert names.BoardName("spare") in stranger.value.message
