"""The virtual board, booted once for all board tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgedeploy.core import errors
from edgedeploy.lab import image, machine, tools
from tests import needs


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


@pytest.fixture(scope="session")
def lab_machine(lab_image: image.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[machine.Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEDEPLOY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        try:
            yield machine.up("virtual", report=Silence())
        finally:
            for made in machine.list_machines():
                machine.down(made.name, delete=True)
