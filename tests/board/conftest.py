"""The virtual board, booted once for all board tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgedeploy.core import errors
from edgedeploy.lab import image, machine, tools
from tests import needs
from tests.board.stage import Remote, Stage, wait_for


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
    """Tests with boards of their own first: two boards at once are twice as slow on two cores."""
    items.sort(key=lambda item: "stage" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One virtual board for most tests: booted, enrolled and with the sample talk on air; ended by its own pid."""
    it = Stage(tmp_path_factory.mktemp("stage"))
    try:
        it.ok("lab", "up", timeout=900)
        it.ok("lab", "talk", str(it.talk))
        it.release()
        it.ok("push", str(it.talk))
        wait_for(it.url(), "edgedeploy", 30)
        yield it
    finally:
        it.run("lab", "down", "--all")


@pytest.fixture(scope="session")
def remote(stage: Stage) -> Iterator[Remote]:
    """The board's git remote, with what the board runs in it."""
    it = Remote(stage.folder)
    stage.git("remote", "add", "origin", f"file://{it.path}")
    stage.git("push", "-q", "origin", "main")
    machine = stage.machine
    stage.ok(
        "enrol", f"root@{machine.host}:{machine.port}", "--profile", "virtual-armv7", "-i", str(machine.key),
        "--known-hosts", str(machine.known_hosts), "--pull", f"decks={it.url}",
    )  # fmt: skip
    yield it
    it.close()
