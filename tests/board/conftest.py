"""The virtual board, booted once for all board tests, whichever worker runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgedeploy.core import errors, files
from edgedeploy.lab import image, machine, tools
from tests import needs
from tests.board.cable import Cable
from tests.board.stage import TITLE, Remote, Situation, Stage, wait_for


class Silence:
    """A Report that keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Silence]:
        self.said.append(title)
        yield self

    def advance(self, amount: int = 1) -> None:
        pass

    def detail(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="session")
def lab_image() -> image.Image:
    try:
        tools.require([*tools.TO_BUILD, *tools.TO_RUN])
        return image.ensure(Silence())
    except errors.UsageFault as error:
        needs.require(f"{error.message}: {error.hint}")


@pytest.fixture(scope="module")
def lab_machine(lab_image: image.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[machine.Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        try:
            yield machine.up("virtual", report=Silence())
        finally:
            for made in machine.list_machines():
                machine.down(made.name, delete=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with boards of their own first: while one worker is at the first push, the other one has work."""
    items.sort(key=lambda item: "live" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Situation]:
    """Booted, enrolled, the sample talk pushed for the first time (`done`) and on air. The first worker gets there for all."""
    it = Stage(tmp_path_factory.mktemp("stage"))
    ours = tmp_path_factory.getbasetemp()
    folder = (ours if worker_id == "master" else ours.parent) / "live"
    try:
        with files.locked(folder.with_suffix(".lock"), worker_id):
            situation = Situation.load(it, folder) or _first_push(it, folder)
        yield situation
    finally:
        it.run("lab", "down", "--all")


def _first_push(it: Stage, folder: Path) -> Situation:
    it.ok("lab", "up", "--cpus", "1")
    it.make_talk()
    done = it.ok("push", str(it.talk))
    wait_for(it.url(), TITLE)
    return Situation.keep(it, folder, done)


@pytest.fixture(scope="session")
def edited(live: Situation, tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """A slide was edited, committed and pushed (`done`). Notes: release, and before, the one that is the previous now."""
    stage = live.restore()
    before = stage.latest()
    stage.edit("first edit", release=False)
    stage.git("commit", "-qam", "Edit the first slide")
    done = stage.ok("push", str(stage.talk))
    kept = tmp_path_factory.mktemp("kept") / "edited"
    return Situation.keep(stage, kept, done, release=stage.latest(), before=before)


@pytest.fixture
def stage(live: Situation) -> Stage:
    """The board with the talk on air, as after its first push."""
    return live.restore()


@pytest.fixture
def untouched(live: Situation) -> Stage:
    """As `stage`, for a test that only looks: those that follow each other share it."""
    return live.restore(to_look=True)


@pytest.fixture(scope="session")
def rolled_back(live: Situation, tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """A release without its first page was pushed (`done`), died at boot and was rolled back. Notes: bad, before."""
    stage = live.restore()
    before = stage.latest()
    (stage.talk / "slides/index.html").unlink()
    bad = stage.release("--force")  # what a push of it would refuse
    done = stage.run("push", str(stage.talk))
    return Situation.keep(stage, tmp_path_factory.mktemp("kept") / "rolled-back", done, bad=bad, before=before)


@pytest.fixture(scope="session")
def remotes(live: Situation) -> Iterator[Remote]:
    """A git server for the talk's repository."""
    it = Remote(live.stage.folder)
    yield it
    it.close()


@pytest.fixture(scope="session")
def pulling(live: Situation, remotes: Remote, tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """Enrolled once more, to pull from a remote that has what is on air."""
    stage = live.restore()
    remotes.make()
    stage.git("remote", "add", "origin", f"file://{remotes.path}")
    stage.git("push", "-q", "origin", "main")
    machine = stage.machine
    done = stage.ok(
        "enrol", f"root@{machine.host}:{machine.port}", "--profile", "virtual-armv7", "-i", str(machine.key),
        "--known-hosts", str(machine.known_hosts), "--pull", f"decks={remotes.url}",
    )  # fmt: skip
    return Situation.keep(stage, tmp_path_factory.mktemp("kept") / "pulling", done)


@pytest.fixture
def puller(pulling: Situation) -> Stage:
    """As `stage`, on a board that pulls from the talk's remote `origin`."""
    return pulling.restore()


@pytest.fixture
def cable(stage: Stage) -> Iterator[Cable]:
    """A serial cable plugged into the board."""
    with Cable(stage) as it:
        yield it
