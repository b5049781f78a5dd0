"""A board on a real network: its own Avahi, seen across a bridge in a network namespace, and pushed to from there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from edgedeploy.lab import image
from tests import guard
from tests.board.stage import GUARD_S, Stage
from tests.needs import require

pytestmark = pytest.mark.journey
TAP = "edtap0"


@pytest.fixture(scope="module")
def network(lab_image: image.Image) -> Iterator[tuple[str, ...]]:
    """The image is built before there is a namespace: from inside it no package archive is reached.

    A namespace with a bridge at 10.0.2.2/24 and a tap for the board; yields the argv prefix that runs in it."""
    if os.geteuid() != 0:
        require("root, to make a network namespace")
    name = f"edgedeploy-{os.getpid()}"
    steps = [
        f"ip netns add {name}",
        f"ip -n {name} link set lo up",
        f"ip -n {name} link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"ip -n {name} addr add 10.0.2.2/24 brd + dev br0",
        f"ip netns exec {name} ip tuntap add dev {TAP} mode tap",
        f"ip -n {name} link set {TAP} master br0 up",
        f"ip -n {name} link set br0 up",
    ]
    try:
        for step in steps:
            subprocess.run(step.split(), check=True, capture_output=True)
        yield ("ip", "netns", "exec", name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def seen(stage: Stage, network: tuple[str, ...], apps: dict[str, str]) -> dict[str, Any]:
    """What `discover` says of the board, once that serves `apps`."""

    def look() -> list[dict[str, Any]]:
        done = stage.run("discover", "-t", "3", "--json", prefix=network)
        found = [] if done.status else json.loads(done.out)
        return [board for board in found if board["name"] == "lanboard" and board["apps"] == apps]

    (board,) = guard.until(look, f"lanboard announces {apps}", GUARD_S)
    return board


def test_the_boards_own_avahi_is_seen_and_push_uses_it(
    network: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stage = Stage(tmp_path_factory.mktemp("lan"), "lanboard")
    stage.env["EDGEDEPLOY_INTERFACES"] = "br0"
    try:
        stage.ok("lab", "up", "lanboard", "--cpus", "1", "--tap", TAP, prefix=network)
        board = seen(stage, network, {})
        assert "10.0.2.15" in board["addresses"]
        assert (board["port"], board["profile"]) == (22, "virtual-armv7")
        release = stage.make_talk()
        done = stage.ok("push", str(stage.talk), prefix=network)
        assert "seen by mDNS" in done.err
        assert done.out.splitlines()[-1] == "http://10.0.2.20/"
        seen(stage, network, {"decks": release})
    finally:
        stage.run("lab", "down", "lanboard", prefix=network)
