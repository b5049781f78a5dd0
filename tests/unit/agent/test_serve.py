"""The conversation: the laptop's client against the agent's server, over pipes, on the model board."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import select
import threading
from pathlib import Path

import pytest

from edgedeploy.agent import run, serve, status
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.serve import Server
from edgedeploy.core import errors, files, frames, greeting, messages, names
from edgedeploy.core.names import Sha256
from edgedeploy.ports.wire import Traits
from edgedeploy.remote.client import AgentClient
from tests.guard import USUAL_S, until
from tests.unit.agent.model import ModelBoard


class PipeStream:
    """ports.wire.Stream to a server in a thread."""

    def __init__(self, board: ModelBoard) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def serve() -> None:
            with os.fdopen(theirs_in, "rb") as inp, os.fdopen(theirs_out, "wb") as out, contextlib.suppress(SystemExit):
                out.write(greeting.banner())
                Server(board.board, inp, out).run()

        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def read(self, n: int, timeout: float) -> bytes:
        if not select.select([self._in], [], [], timeout)[0]:
            raise TimeoutError
        return os.read(self._in, n)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._out, view) :]

    def close_input(self) -> None:
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def finish(self, timeout: float) -> tuple[int, bytes]:
        return 0, b""

    def close(self) -> None:
        self.close_input()
        self.thread.join(USUAL_S)
        with contextlib.suppress(OSError):
            os.close(self._in)


class PipeWire:
    traits = Traits("pipe")

    def __init__(self, board: ModelBoard) -> None:
        self.stream = PipeStream(board)

    def open(self, argv: object) -> PipeStream:
        return self.stream

    def close(self) -> None:
        self.stream.close()


class Counter:
    def __init__(self) -> None:
        self.done = self.calls = 0

    def advance(self, amount: int = 1) -> None:
        self.done += amount
        self.calls += 1

    def detail(self, text: str) -> None:
        pass


def talk(model: ModelBoard) -> AgentClient:
    return AgentClient(PipeWire(model), timeout=USUAL_S)  # type: ignore[arg-type]  # a Wire as far as the client asks


def test_hello_says_who_and_what_runs(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    with talk(model) as client:
        welcome = client.hello()
    assert welcome.board_id == model.board.config.board_id
    assert welcome.facts["xen_caps"] == ["xen-3.0-armv7l"]
    assert welcome.apps["decks"]["release"] == "r1"


def sent(client: AgentClient, path: Path, step: Counter) -> Sha256:
    with path.open("rb") as file:
        return client.put(file, step)  # type: ignore[arg-type]  # a Step as far as put asks


def test_a_transfer_arrives_whole_and_is_not_sent_twice(model: ModelBoard, tmp_path: Path) -> None:
    file = tmp_path / "bundle"
    file.write_bytes(os.urandom(700_000))
    step = Counter()
    with talk(model) as client:
        digest = sent(client, file, step)
        again = Counter()
        sent(client, file, again)
    assert step.done == again.done == 700_000
    assert (model.layout.incoming / digest).read_bytes() == file.read_bytes()


def test_a_transfer_goes_on_where_it_was_cut(model: ModelBoard, tmp_path: Path) -> None:
    data = os.urandom(500_000)
    file = tmp_path / "bundle"
    file.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    stream = PipeStream(model)
    stream.write(frames.encode(messages.to_frame(messages.Put(digest, len(data)))))
    stream.write(frames.encode(messages.to_frame(messages.Chunk(), data[:123_456])))
    stream.close()
    assert (model.layout.incoming / f"{digest}.part").stat().st_size == 123_456
    with talk(model) as client:
        assert sent(client, file, Counter()) == digest
    assert (model.layout.incoming / digest).read_bytes() == data


class Counted(PipeStream):
    """Counts what the laptop sends, and is cut after `limit` bytes of it."""

    def __init__(self, board: ModelBoard, limit: int = 1 << 40) -> None:
        super().__init__(board)
        self.sent, self.limit = 0, limit

    def write(self, data: bytes) -> None:
        room = self.limit - self.sent
        super().write(data[:room])
        self.sent += min(len(data), room)
        if len(data) > room:
            self.close_input()
            raise errors.WireFault("cut")


class CountedWire(PipeWire):
    """A slow line that may be cut."""

    traits = Traits("line", 9600)

    def __init__(self, board: ModelBoard, limit: int = 1 << 40) -> None:
        self.stream = Counted(board, limit)


def put(model: ModelBoard, file: Path, limit: int = 1 << 40) -> tuple[int, Counter]:
    """Send over the slow line; what went over it, whether it was cut or not."""
    wire, step = CountedWire(model, limit), Counter()
    with AgentClient(wire, timeout=USUAL_S) as client, contextlib.suppress(errors.WireFault):  # type: ignore[arg-type]  # a Wire as far as the client asks
        sent(client, file, step)
    return wire.stream.sent, step


def test_a_laptop_that_dies_anywhere_sends_only_the_rest_the_next_time(model: ModelBoard, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    for _ in range(12):
        file = tmp_path / "bundle"
        data = dice.randbytes(dice.randrange(1, 60_000))
        file.write_bytes(data)
        whole = model.layout.incoming / hashlib.sha256(data).hexdigest()
        cut, _ = put(model, file, dice.randrange(1, 70_000))
        had = part.stat().st_size if (part := whole.with_name(f"{whole.name}.part")).is_file() else 0
        if not whole.is_file():
            assert had > cut - 2 * 9600 // 4 - 500, f"at most a chunk and its frames are lost (seed {seed})"
            sent, step = put(model, file)
            assert sent < len(data) - had + 200 + 40 * (len(data) // (9600 // 4) + 1), f"seed {seed}"
            assert step.done == len(data)
        assert whole.read_bytes() == data, f"seed {seed}"


@pytest.mark.parametrize("size", [1, 500, 1000, 1500], ids=lambda size: f"{size} of 1000")
def test_a_part_that_is_not_the_files_beginning_is_dropped_before_anything_is_sent(
    model: ModelBoard, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "bundle"
    file.write_bytes(b"x" * 1000)
    digest = hashlib.sha256(b"x" * 1000).hexdigest()
    model.layout.incoming.mkdir(parents=True)
    (model.layout.incoming / f"{digest}.part").write_bytes(b"x" * (size // 2) + b"y" * (size - size // 2))
    _, step = put(model, file)
    assert step.done == 1000
    assert (model.layout.incoming / digest).read_bytes() == b"x" * 1000


def test_a_part_longer_than_the_file_costs_nothing_when_it_begins_with_it(model: ModelBoard, tmp_path: Path) -> None:
    data = os.urandom(50_000)
    file = tmp_path / "bundle"
    file.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    model.layout.incoming.mkdir(parents=True)
    (model.layout.incoming / f"{digest}.part").write_bytes(data + b"more")
    sent, _ = put(model, file)
    assert sent < 300
    assert (model.layout.incoming / digest).read_bytes() == data


def test_a_push_beside_one_that_hangs_goes_on_from_the_longest_part(model: ModelBoard, tmp_path: Path) -> None:
    data = os.urandom(40_000)
    file = tmp_path / "bundle"
    file.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    hanging = PipeStream(model)  # holds the lock
    hanging.write(frames.encode(messages.to_frame(messages.Put(digest, len(data)))))
    hanging.write(frames.encode(messages.to_frame(messages.Chunk(), data[:5000])))
    part = model.layout.incoming / f"{digest}.part"
    until(lambda: part.is_file() and part.stat().st_size == 5000, "the first has what came of it")
    second, _ = put(model, file, 20_000)
    third, _ = put(model, file)
    assert (model.layout.incoming / digest).read_bytes() == data
    assert second + third < 40_000, "what the second had sent was not sent again"
    hanging.close()


def test_a_push_beside_one_that_ends_meanwhile_sends_all_by_itself(model: ModelBoard, tmp_path: Path) -> None:
    data = os.urandom(40_000)
    file = tmp_path / "bundle"
    file.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    incoming = model.layout.incoming
    incoming.mkdir(parents=True)
    for name in (f"{digest}.part", "others.part"):  # listed, and gone when they are looked at: the other took its own
        (incoming / name).symlink_to(tmp_path / "gone")
    with files.locked(incoming / f"{digest}.lock", "push"):
        put(model, file)
    assert (incoming / digest).read_bytes() == data


def test_a_clock_that_jumps_after_a_transfer_began_costs_nothing_of_it(model: ModelBoard, tmp_path: Path) -> None:
    data = os.urandom(40_000)
    digest = hashlib.sha256(data).hexdigest()
    incoming = model.layout.incoming
    incoming.mkdir(parents=True)
    (incoming / f"{digest}.part").write_bytes(data[:30_000])
    (incoming / ("f" * 64)).write_bytes(b"another push's, not staged yet")
    (incoming / ("e" * 64)).write_bytes(b"of last year")
    for name, date in ((f"{digest}.part", 300), ("f" * 64, 300), ("e" * 64, 1_600_000_000)):
        os.utime(incoming / name, (date, date))
    file = tmp_path / "bundle"
    file.write_bytes(data)
    assert put(model, file)[0] < 20_000, "it goes on where it was"
    assert (incoming / digest).read_bytes() == data
    assert (incoming / ("f" * 64)).exists()
    assert not (incoming / ("e" * 64)).exists()


def test_chunks_on_a_slow_line_are_a_quarter_of_a_second(model: ModelBoard, tmp_path: Path) -> None:
    file = tmp_path / "bundle"
    file.write_bytes(os.urandom(24_000))
    _, step = put(model, file)
    assert step.calls == 1 + 10, "the first tells what was there"


def test_two_transfers_of_the_same_file_at_once_do_not_mix(model: ModelBoard, tmp_path: Path) -> None:
    file = tmp_path / "bundle"
    file.write_bytes(os.urandom(3_000_000))

    def send() -> None:
        with talk(model) as client:
            sent(client, file, Counter())

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    (whole,) = [path for path in model.layout.incoming.iterdir() if path.suffix != ".lock"]
    assert whole.read_bytes() == file.read_bytes()


def test_staging_and_errors_of_the_board_reach_the_laptop_with_their_class(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    commit = names.CommitId(model.release("r2", memory=900))
    model.board.repo(model.app).git("fetch", "-q", str(model.remote), "main:refs/edgedeploy/incoming/main")
    said: list[str] = []
    with talk(model) as client:
        with pytest.raises(errors.NoRoom, match="nothing was touched"):
            client.stage(model.app, commit, None, lambda event: said.append(event.step), 30)
        with pytest.raises(errors.BadRepository, match="not on the board"):
            client.stage(model.app, names.CommitId("f" * 40), None, lambda event: None, 30)
        assert client.status().apps["decks"]["release"] == "r1", "the conversation goes on after an error"
    assert "check" in said


def test_an_app_that_is_pushed_for_the_first_time_gets_its_place(model: ModelBoard) -> None:
    with talk(model) as client, pytest.raises(errors.BadRepository):
        client.stage(names.AppName("mail"), names.CommitId("f" * 40), None, lambda event: None, 30)
    assert "mail" in model.layout.config.read_text()
    assert (model.layout.app(names.AppName("mail")).repo / ".git/hooks/post-merge").is_file()


def test_garbage_ends_the_conversation_with_a_word(model: ModelBoard) -> None:
    stream = PipeStream(model)
    stream.write(frames.encode(frames.Frame({"kind": "reboot"})))
    decoder, found = frames.Decoder(expect_banner=True), []
    while not found:
        found = decoder.feed(stream.read(65536, 5))
    answer = messages.from_frame(found[0])
    assert isinstance(answer, messages.Failed)
    assert "unknown message 'reboot'" in answer.message
    stream.close()


def test_the_log_is_newest_last_and_quiet_ticks_leave_no_record(model: ModelBoard) -> None:
    for name in ("r1", "r2"):
        model.release(name)
        model.deploy()
        model.deploy()
    with talk(model) as client:
        records = client.log(model.app, 10)
    assert [record["outcome"]["release"] for record in records] == ["r1", "r2"]  # type: ignore[index]  # JSON


def test_a_release_that_is_not_there_is_refused_and_no_deployment(model: ModelBoard) -> None:
    model.release("r1")
    model.deploy()
    with talk(model) as client:
        with pytest.raises(errors.UsageFault, match="r7 is not kept on this board"):
            client.rollback(model.app, names.ReleaseId("r7"), "anna", lambda _: None, 30)
        assert [record["outcome"]["release"] for record in client.log(model.app, 10)] == ["r1"]  # type: ignore[index]  # JSON


def test_a_hypervisor_that_says_nothing_is_told_and_not_hidden_by_what_the_apps_say(
    model: ModelBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(status.both(model.board)[1]) == {"decks"}

    def silent() -> dict[str, str]:
        raise CommandFailed(["xl", "info"], "did not end in 60 s", "")

    monkeypatch.setattr(model.xen, "info", silent)
    with pytest.raises(CommandFailed, match="did not end"):
        status.both(model.board)


def test_a_deployment_is_behind_what_carries_the_network_of_the_guest_on_air(tmp_path: Path) -> None:
    said, end = tmp_path / "said", os.open(os.devnull, os.O_RDONLY)
    child = serve._detached(
        lambda: said.write_text(str(os.getpriority(os.PRIO_PROCESS, 0))), tmp_path / "words", close=end
    )
    os.close(end)
    assert os.waitpid(child, 0)[1] == 0
    assert said.read_text() == str(run.NICE)
