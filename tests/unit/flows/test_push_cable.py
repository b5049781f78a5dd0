"""A whole push over a slow line: real git on both ends, the real agent, a model of the hypervisor."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import pytest

from edgedeploy.agent import attempt, serve, version
from edgedeploy.core import errors
from edgedeploy.depot import pushed_from
from edgedeploy.flows import proof
from edgedeploy.flows import push as flow
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.context import Cables, Context, Line
from edgedeploy.flows.find import Found, Via, Wanted
from edgedeploy.flows.push_result import Result
from edgedeploy.ports.wire import Traits
from edgedeploy.profiles import catalog
from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard, KnownBoards
from edgedeploy.ui.plain_report import PlainReport
from edgedeploy.wires.serial.ports import Port
from tests.unit.agent import conftest as agents
from tests.unit.agent.model import ID, ModelBoard
from tests.unit.agent.test_serve import Counted

model = agents.model  # a fixture, and its clock
USB = Port("/dev/ttyUSB0", "/dev/serial/by-id/usb-one", 0x0403, 0x6001)


class Cable:
    """A serial wire as far as a push asks; `limit` bytes up, then it is pulled."""

    rate = 9123.0

    def __init__(self, board: ModelBoard, limit: int = 1 << 40) -> None:
        self.traits = Traits("serial /dev/ttyUSB0", 9600)
        self._board, self._limit = board, limit
        self.streams: list[Counted] = []

    def open(self, argv: object) -> Counted:
        self.streams.append(Counted(self._board, self._limit))
        return self.streams[-1]

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for stream in self.streams:
            stream.close()
        self.streams = []


class Setting:
    """A laptop with a dead network and a cable."""

    def __init__(self, model: ModelBoard, folder: Path) -> None:
        self.model, self.out, self.limits, self.cables = model, io.StringIO(), [1 << 40], []
        self.known = KnownBoards(folder / "laptop")
        config = model.board.config
        self.known.remember(KnownBoard(ID, config.name, config.profile, "root", ("192.0.2.1",), 22))
        self.network = False

    def context(self) -> Context:
        def connect(found: Found) -> Any:
            if self.network:
                return Cable(self.model)
            raise errors.Unreachable("192.0.2.1 port 22: no network leads there")

        def opened(line: Line) -> Any:
            self.cables.append(Cable(self.model, self.limits.pop() if len(self.limits) > 1 else self.limits[0]))
            return self.cables[-1]

        report = PlainReport(self.out)
        password = ConsolePassword(lambda _: None, lambda _: False, report.warn)
        cables = Cables(lambda: [USB], opened, lambda: password)
        return Context(lambda *_: [], connect, self.known, lambda *_: None, report, "anna@laptop", Path("/"), cables)

    def push(self, **wanted: Any) -> Result:
        def offer(found: Found) -> None:
            raise AssertionError(found)

        request = flow.Request(self.model.work, Wanted(**wanted))
        return flow.push(request, self.context(), catalog.load_all(), offer)


@pytest.fixture
def setting(model: ModelBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    def in_this_process(self: Any, app: Any, work: Any) -> None:
        path = attempt.new_path(self._board.app(app).attempts)
        with serve._Follow(path, self._send), contextlib.suppress(errors.EdgeError):
            work(path)
        self._report(path)

    monkeypatch.setattr(serve.Server, "_deploy", in_this_process)  # the model's guests live in this process
    monkeypatch.setattr(version, "digest", agentkit.digest)
    monkeypatch.setenv("EDGEDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    return Setting(model, tmp_path)


def test_a_push_finds_its_own_way_to_the_cable(setting: Setting) -> None:
    setting.model.release("r1")
    result = setting.push()
    said = setting.out.getvalue()
    assert (result.verdict, result.release, result.cable) == ("live", "r1", USB.stable)
    assert "over the serial cable /dev/ttyUSB0: the network way failed (" in said
    assert "does not answer: 192.0.2.1 port 22: no network leads there)" in said
    assert "sending " in said
    board = setting.known.get(ID)
    assert board is not None
    assert (board.serial, board.rate, board.apps) == (USB.stable, 9123, ("decks",))
    assert setting.push(via=Via.SERIAL).verdict == "already-live"


def test_what_the_board_has_and_serves_is_only_confirmed(setting: Setting) -> None:
    setting.model.release("r1")
    setting.push()
    asked = setting.out.tell()
    assert setting.push().verdict == "already-live"
    assert "preparing" not in setting.out.getvalue()[asked:]
    setting.model.commit(readme="committed, and no release")
    asked = setting.out.tell()
    assert setting.push().verdict == "already-live"
    assert "preparing" in setting.out.getvalue()[asked:], "its commits are brought all the same"
    setting.model.xen.guests.clear()
    asked = setting.out.tell()
    assert setting.push().verdict == "live"
    assert "preparing" in setting.out.getvalue()[asked:]
    assert pushed_from.folder("decks") == setting.model.work


def test_without_news_this_laptops_own_look_is_enough(setting: Setting) -> None:
    setting.network = True
    setting.model.release("r1")
    assert setting.push().witness == "board"
    asked, calls = setting.out.tell(), len(setting.model.xen.calls)
    again = setting.push()
    assert (again.verdict, again.witness, again.confirmed, set(again.served)) == ("already-live", "laptop", "confirmed", {"/"})
    assert "confirming" not in setting.out.getvalue()[asked:]
    assert len(setting.model.xen.calls) == calls
    setting.model.xen.serves["r1"] = b"not what was released"
    with pytest.raises(errors.RollbackFailed, match="is not what was released"):  # the board looks, starts it anew, in vain
        setting.push()


def test_what_is_committed_while_the_board_is_looked_for_is_not_sent_unchecked(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.model.release("r1")
    reach = flow.reach

    def meanwhile(*args: Any) -> Any:
        setting.model.release("r2")
        return reach(*args)

    monkeypatch.setattr(flow, "reach", meanwhile)
    with pytest.raises(errors.BadRepository, match=r"something was committed in .* meanwhile"):
        setting.push()
    assert setting.model.xen.on_air == ""
    monkeypatch.setattr(flow, "reach", reach)
    assert setting.push().release == "r2"


def test_a_cable_that_is_pulled_costs_what_was_under_way(setting: Setting, tmp_path: Path) -> None:
    (setting.model.work / "big").write_bytes(os.urandom(60_000))
    setting.model.release("r1")
    setting.limits = [1 << 40, 30_000]
    with pytest.raises(errors.WireFault, match="cut"):
        setting.push()
    (part,) = setting.model.layout.incoming.glob("*.part")
    had = part.stat().st_size
    assert had > 20_000
    assert setting.push().verdict == "live"
    assert setting.cables[-1].streams == []
    assert not list((tmp_path / "cache/bundles").iterdir()), "taken in, so not kept"
    assert "were there from an earlier try" in setting.out.getvalue()


def test_when_contact_is_lost_in_the_swap_it_asks_again_over_the_cable(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate = AgentClient.activate

    def lost(*args: Any, **kwargs: Any) -> Any:
        activate(*args, **kwargs)
        raise errors.OutcomeUnknown("contact with the board was lost while it was deploying")

    monkeypatch.setattr(AgentClient, "activate", lost)
    monkeypatch.setattr(proof.time, "sleep", lambda seconds: None)
    setting.model.release("r1")
    assert setting.push(via=Via.SERIAL).verdict == "live"
    assert len(setting.cables) == 2, "the second asked what became of it"


def test_a_dead_network_is_not_waited_for_after_a_push_over_the_cable(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def no_network(where: str, timeout: float) -> tuple[int, str]:
        tried.append(timeout)
        raise OSError("No route to host")

    monkeypatch.setattr(proof, "_fetch", no_network)
    setting.model.release("r1")
    result = setting.push(via=Via.SERIAL)
    assert (result.verdict, result.confirmed) == ("live", "unknown")
    assert len(tried) == 1
    assert tried[0] < 2
    assert "could not look at" in setting.out.getvalue()
    assert "the network between it and the board is down" in setting.out.getvalue()
