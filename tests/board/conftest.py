"""One virtual board for the whole run: booted, enrolled and with the sample talk on air once; ended by its own pid."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.board.stage import Remote, Stage, wait_for


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    it = Stage(tmp_path_factory.mktemp("stage"))
    # lab.Machine asks for its folder through these
    os.environ.update({key: it.env[key] for key in ("EDGEDEPLOY_STATE_DIR", "EDGEDEPLOY_CONFIG_DIR")})
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
