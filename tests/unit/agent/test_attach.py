"""A person at a guest's console: the laptop's line against the agent's server, a real terminal as the guest's."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedeploy.agent import attach, plan, state
from edgedeploy.agent.console import ConsoleTail, Kept
from edgedeploy.core import errors, files, frames, messages, names
from edgedeploy.ports.join import Over
from edgedeploy.remote import attached
from edgedeploy.remote.attached import Attachment
from edgedeploy.remote.client import AgentClient
from tests import guard
from tests.attached import until
from tests.guard import USUAL_S, Guard
from tests.unit.agent.model import ModelBoard
from tests.unit.agent.test_serve import PipeStream, talk


class Guest:
    """The domain that runs on the model, with a console as xenconsoled makes it."""

    def __init__(self, model: ModelBoard) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.slave = slave
        self.domid = max(model.xen.guests)
        model.xen.ttys[self.domid] = Path(os.ttyname(slave))

    def says(self, data: bytes) -> None:
        os.write(self.master, data)

    def hears(self, words: bytes) -> bytes:
        heard, limit = b"", Guard(f"the guest hears {words!r}")
        while words not in heard:
            if select.select([self.master], [], [], limit.left)[0]:
                heard += os.read(self.master, 4096)
        return heard

    def ends(self) -> None:
        """xenconsoled closes its end. Our slave keeps the number: else it may be another test's terminal in a moment."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def close(self) -> None:
        self.ends()
        os.close(self.slave)


@pytest.fixture
def live(model: ModelBoard) -> ModelBoard:
    model.release("r1")
    model.deploy()
    return model


@pytest.fixture
def guest(live: ModelBoard) -> Iterator[Guest]:
    guest = Guest(live)
    yield guest
    guest.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "_LOOK_S", 0.05)
    monkeypatch.setattr(attach, "_TICK_S", 0.02)


def test_a_conversation_both_ways_and_its_end(live: ModelBoard, guest: Guest) -> None:
    with talk(live) as client:
        with client.attach(live.app, "ada@laptop") as line:
            assert (line.told.domain, line.told.release, line.told.dead) == ("decks", "r1", False)
            everything = bytes(range(256))
            guest.says(everything + b"login: ")
            assert until(line, b"login: ") == everything + b"login: "
            assert line.write(everything + b"!") == 257
            assert guest.hears(b"!") == everything + b"!"
            assert "ada@laptop" in live.layout.app(live.app).attach_lock.read_text()
        assert client.status().apps["decks"]["release"] == "r1", "the conversation goes on after a console"
        with client.attach(live.app, "ada") as line:
            assert until(line, b"login: ").endswith(b"login: "), "what came before is shown again"


def test_what_came_before_is_the_last_lines_from_a_lines_start(live: ModelBoard, guest: Guest) -> None:
    kept = Kept(live.layout.app(live.app).console(guest.domid))
    kept.add(b"".join(b"line %d\r\n" % n for n in range(2000)))
    with talk(live) as client, client.attach(live.app, "ada") as line:
        seen = until(line, b"line 1999\r\n")
    assert seen.startswith(b"line ")
    assert 3000 < len(seen) <= 4096


def test_a_flood_stops_at_the_window_and_all_of_it_comes(live: ModelBoard, guest: Guest) -> None:
    flood = b"".join(b"%06d\r\n" % n for n in range(8000))

    def write() -> None:
        view = memoryview(flood)
        while view:
            view = view[os.write(guest.master, view) :]

    writer = threading.Thread(target=write)
    with talk(live) as client, client.attach(live.app, "ada") as line:
        writer.start()
        guard.until(lambda: line._came >= messages.CONSOLE_WINDOW, "a full window")
        line.write(b"?")  # the agent answers when it was round once more, and could have sent more
        waiting, limit = b"", Guard("the guest takes what was typed")
        while not line.settled:
            select.select([line.fileno()], [], [], limit.left)
            waiting += b"".join(piece for piece in line.read() if isinstance(piece, bytes))
        assert len(waiting) == messages.CONSOLE_WINDOW, "no more is on its way than was allowed"
        waiting += until(line, b"007999\r\n")
    writer.join()
    assert waiting == flood


def test_a_guest_that_reads_nothing_takes_no_more_than_the_window_and_can_be_left(
    live: ModelBoard, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "_LEAVE_S", USUAL_S)
    with talk(live) as client, client.attach(live.app, "ada") as line:
        taken = full = 0
        while full < 2:  # each mark of the guest's has come through a turn in which the agent could have taken more
            before = taken
            while room := line.write(b"x" * 1024):
                taken += room
            assert taken < 64 * 1024
            full = full + 1 if taken == before else 0
            guest.says(b"still here.")
            until(line, b"still here.")
        assert not line.settled
    assert line._over.is_set(), "the board has let us go; we did not only stop to wait for it"


@pytest.mark.usefixtures("quick")
def test_a_guest_that_ends_and_comes_back_under_another_release(live: ModelBoard, guest: Guest) -> None:
    live.release("r2")
    born: list[Guest] = []

    def create() -> None:
        born.append(Guest(live))
        born[0].says(b"r2 boots\r\n")

    live.xen.on_create = create
    destroy = live.xen.destroy

    def ends(domid: int) -> None:
        guest.ends()
        destroy(domid)

    live.xen.destroy = ends  # type: ignore[method-assign]  # xenconsoled closes the console with the domain
    with talk(live) as client, client.attach(live.app, "ada") as line:
        guest.says(b"r1 was here\r\n")
        until(line, b"r1 was here\r\n")
        assert live.deploy()["verdict"] == "live"
        seen = until(line, b"r2 boots\r\n")
        assert seen.startswith(b"[decks has ended][decks is back: release r2"), seen
        line.write(b"hello r2!")
        born[0].hears(b"hello r2!")
    born[0].close()


@pytest.mark.usefixtures("quick")
def test_on_trial_the_deployment_reads_and_we_read_along(live: ModelBoard, guest: Guest) -> None:
    layout = live.layout.app(live.app)
    now = state.load(layout.state)
    with talk(live) as client, client.attach(live.app, "ada") as line:
        with files.locked(layout.swap_lock, "push"):
            assert attach.held(layout.swap_lock)
            guest.says(b"still ours\r\n")
            until(line, b"still ours\r\n")  # being prepared: nobody else reads
            state.save(layout.state, plan.State(plan.TRIAL, good=now.good, candidate=now.good))
            tail = ConsoleTail(live.xen.console(guest.domid), Kept(layout.console(guest.domid)))
            lines = [b"trial line %d\r\n" % n for n in range(300)]
            for text in lines:
                guest.says(text)
            assert until(line, lines[-1]) == b"".join(lines), "the person sees every line"
            assert tail.lines(300) == [text.decode().strip() for text in lines], "and so does the deployment"
            tail.close()
            state.save(layout.state, now)
        assert not attach.held(layout.swap_lock)
        guest.says(b"ours again\r\n")
        until(line, b"ours again\r\n")


@pytest.mark.usefixtures("quick")
def test_a_guest_that_stays_away(live: ModelBoard, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "BACK_S", 0.3)
    with talk(live) as client, client.attach(live.app, "ada") as line:
        live.xen.guests.clear()
        guest.ends()
        with pytest.raises(Over, match="did not come back"):
            until(line, b"never")


@pytest.mark.usefixtures("quick")
def test_a_lost_laptop_leaves_nothing_behind(live: ModelBoard, guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "SILENT_S", 0.3)
    stream = PipeStream(live)  # says nothing more, as a laptop without Wi-Fi
    stream.write(frames.encode(messages.to_frame(messages.Attach(live.app, "ada"))))
    stream.thread.join(USUAL_S)
    assert not stream.thread.is_alive()
    assert not attach.held(live.layout.app(live.app).attach_lock)
    last = messages.from_frame(frames.Decoder(expect_banner=True).feed(stream.read(65536, USUAL_S))[-1])
    assert isinstance(last, messages.Failed), "one that was only asleep is told"
    assert last.code == 11
    stream.close()


@pytest.mark.usefixtures("quick")
def test_a_dying_domains_terminal_is_not_opened(live: ModelBoard, guest: Guest) -> None:
    running = live.xen.guests[guest.domid]
    live.xen.guests[guest.domid] = replace(running, dead=True, state="--p--d")
    with talk(live) as client, pytest.raises(errors.BoardFault, match="has no console"):
        client.attach(live.app, "ada")


def test_a_laptop_that_hangs_up_frees_the_console_at_once(
    live: ModelBoard, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "SILENT_S", 10 * USUAL_S)  # it is not its silence that ends it
    stream = PipeStream(live)
    stream.write(frames.encode(messages.to_frame(messages.Attach(live.app, "ada"))))
    decoder = frames.Decoder(expect_banner=True)
    answers = guard.until(lambda: decoder.feed(stream.read(65536, USUAL_S)), "the console is taken")
    assert isinstance(messages.from_frame(answers[0]), messages.Attached)
    stream.close_input()
    stream.thread.join(USUAL_S)
    assert not stream.thread.is_alive()
    stream.close()


def test_one_person_at_a_time(live: ModelBoard, guest: Guest) -> None:
    with talk(live) as first, first.attach(live.app, "ada@laptop"), talk(live) as second:
        with pytest.raises(errors.BoardFault, match=r"ada@laptop \(pid \d+\) is at the console of decks already"):
            second.attach(live.app, "bob")
        assert second.hello().name == "model"


def test_another_reader_on_the_board_is_named(live: ModelBoard, guest: Guest) -> None:
    path = live.xen.ttys[guest.domid]
    program = [sys.executable, "-c", "import sys, time; kept = open(sys.argv[1]); print(flush=True); time.sleep(60)", str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, start_new_session=True) as other:
        assert other.stdout
        other.stdout.readline()
        try:
            with talk(live) as client, pytest.raises(errors.BoardFault, match=rf"\(pid {other.pid}\) has the console"):
                client.attach(live.app, "ada")
        finally:
            other.kill()


def test_what_is_not_there_is_said(live: ModelBoard) -> None:
    with talk(live) as client:
        with pytest.raises(errors.BoardFault, match="the guest of decks has no console"):
            client.attach(live.app, "ada")
        live.xen.guests.clear()
        with pytest.raises(errors.BoardFault, match="decks is not on air") as caught:
            client.attach(live.app, "ada")
        assert caught.value.hint == "what happened: edgedeploy log decks"
        with pytest.raises(errors.UsageFault, match="no app 'mail'"):
            client.attach(names.AppName("mail"), "ada")


def test_a_guest_that_crashed_shows_its_last_words(live: ModelBoard) -> None:
    live.release("r2")
    live.xen.dies.add("r2")
    live.deploy()  # rolled back to r1
    live.xen.dies.add("r1")
    domid, running = next(iter(live.xen.guests.items()))
    live.xen.guests[domid] = replace(running, dead=True, state="---sc-")
    guest = Guest(live)
    guest.says(b"Kernel panic - not syncing\r\n")
    with talk(live) as client, client.attach(live.app, "ada") as line:
        assert line.told.dead
        assert until(line, b"syncing\r\n") == b"Kernel panic - not syncing\r\n"
    guest.close()


def test_an_agent_from_before_says_so(live: ModelBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    with talk(live) as client:
        monkeypatch.delitem(messages.KINDS, "attach")
        with pytest.raises(errors.ProtocolMismatch, match="too old for this") as caught:
            client.attach(live.app, "ada")
        assert caught.value.hint == "`edgedeploy enrol` brings it up to date"


def test_what_does_not_belong_ends_the_console_and_not_the_conversation(live: ModelBoard, guest: Guest) -> None:
    with talk(live) as client:
        with client.attach(live.app, "ada") as line:
            line._send(messages.Hello())
            with pytest.raises(errors.ProtocolMismatch, match="'hello' does not belong here"):
                until(line, b"never")
        with client.attach(live.app, "ada") as line:
            line._send(messages.Chunk(), b"x" * (messages.CONSOLE_WINDOW + 1))
            with pytest.raises(errors.ProtocolMismatch, match="more than the window"):
                until(line, b"never")
        assert isinstance(client, AgentClient)
        assert client.hello().name == "model"


def test_what_is_kept_is_bounded_and_of_this_domain(tmp_path: Path) -> None:
    old, new, other = (Kept(tmp_path / "run" / name) for name in ("decks.1", "decks.2", "mail.1"))
    for kept in (old, other, new):
        for _ in range(100):
            kept.add(b"x" * 4096)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["decks.2", "mail.1"]
    assert all(path.stat().st_size <= 256 * 1024 for path in (tmp_path / "run").iterdir())
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
    assert old.read(7, 100) == (b"", 0)
    assert new.read(10**9, 3) == (b"xxx", 3), "it started anew meanwhile"


@pytest.mark.parametrize("kind", ["chunk", "event"])
def test_an_agent_that_knows_no_window_does_not_fill_the_laptop(kind: str) -> None:
    """A person's terminal may stand still for an hour."""
    message = messages.Chunk() if kind == "chunk" else messages.Event("console", "x" * 100)
    flood = frames.encode(messages.to_frame(message, b"x" * 4096 if kind == "chunk" else b""))

    class Endless:
        sent = 0

        def read(self, n: int, timeout: float) -> bytes:
            self.sent += 1
            return flood if self.sent <= 20_000 else b""  # 80 MB of chunks

        def write(self, data: bytes) -> None:
            pass

    stream = Endless()
    told = messages.Attached("decks", "r1", False)
    with Attachment(told, stream, [], frames.Decoder().feed, lambda: errors.Unreachable("gone")) as line:  # type: ignore[arg-type]  # a Stream as far as it goes
        line._thread.join(USUAL_S)
        assert not line._thread.is_alive()
        assert stream.sent < 20_000
        assert line.read(), "what came before is shown first"
        with pytest.raises(errors.ProtocolMismatch, match="more than"):
            line.read()
