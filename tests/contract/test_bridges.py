"""Two guests with one address, on the kernel's own bridges: who is asked where, and who is on air after a cut-over."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgedeploy.agent import vif_hotplug
from tests import netns
from tests.contract import bridges_driver
from tests.guard import until

MAC = "00:16:3e:00:00:80"
HERE = Path(__file__).parents[2]


@dataclass
class Bench:
    board: netns.Namespace
    run: Path
    scripts: Path
    client: str

    def do(self, *steps: str) -> list[object]:
        """The driver's answers."""
        env = [
            f"RUN={self.run}", f"SCRIPTS={self.scripts}", f"CLIENT={self.client}", f"PYTHONPATH={HERE}",
            f"PATH={self.run}:{os.environ['PATH']}", f"APP={self.board.name}",
        ]  # fmt: skip
        done = self.board.run("env", *env, sys.executable, "-m", bridges_driver.__name__, *steps)
        assert done.returncode == 0, done.stderr
        answers: list[object] = json.loads(done.stdout)
        return answers


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A board with xenbr0, a machine beyond it, and two guests behind vif7.0 (on air) and vif8.0 (just created)."""
    with (
        netns.Namespace("board") as board,
        netns.Namespace("client") as client,
        netns.Namespace("old") as old,
        netns.Namespace("new") as new,
    ):
        board.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")  # where this machine has it at all
        board.ip("link", "add", "xenbr0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        board.ip("link", "set", "xenbr0", "up")
        board.ip("addr", "add", "10.0.2.15/24", "dev", "xenbr0")
        netns.join(board, "eth0", client, "eth0")
        board.ip("link", "set", "eth0", "master", "xenbr0")
        client.ip("addr", "add", "10.0.2.3/24", "dev", "eth0")
        for domid, guest, name in ((bridges_driver.OLD, old, "old"), (bridges_driver.NEW, new, "new")):
            netns.join(board, f"vif{domid}.0", guest, "eth0")
            guest.ip("link", "set", "eth0", "address", MAC)
            guest.ip("addr", "add", "10.0.2.80/24", "dev", "eth0")
            served = tmp_path / name
            served.mkdir()
            (served / "index.html").write_text(name)
            log = tmp_path / f"{name}.log"
            guest.spawn([sys.executable, "-u", "-m", "http.server", "8080", "--directory", str(served)], log)
            until(lambda log=log: "Serving" in log.read_text(), "the guest serves")  # type: ignore[misc]  # bound at once
        board.ip("link", "set", f"vif{bridges_driver.OLD}.0", "master", "xenbr0")
        scripts, run = tmp_path / "scripts", tmp_path / "run"
        scripts.mkdir()
        run.mkdir()
        (scripts / "vif-edgedeploy").write_bytes(vif_hotplug.TEXT)
        store = run / "xenstore-write"
        store.write_text('#!/bin/sh\necho "$@" >> "${0%/*}/xenstore.log"\n')  # there is no hypervisor here
        store.chmod(0o755)
        bench = Bench(board, run, scripts, client.name)
        yield bench
        bench.do("clear")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_standby_is_asked_where_nobody_else_is_and_then_takes_the_others_place(bench: Bench) -> None:
    old, new = bridges_driver.OLD, bridges_driver.NEW
    steps = {
        "obstacle": "",
        "prepare": None,
        "hotplug": None,
        "gate": digest("new"),
        "client": "old",
        "own": digest("old"),
        "off": [new],
    }
    said = dict(zip(steps, bench.do(*steps, "clear"), strict=False))
    assert str(said.pop("prepare")).startswith("edb")
    steps.pop("prepare")
    assert said == steps
    words = ["prepare", "hotplug", "gate", "client", "cut", "client", "own", "off", "clear", "left"]
    answers = bench.do(*words)
    assert answers[2:] == [digest("new"), "old", None, "new", digest("new"), [old], None, []]
    assert (bench.run / "xenstore.log").read_text() == f"/local/domain/0/backend/vif/{new}/0/bridge xenbr0\n"
    assert bench.do("back", "client", "own", "off") == [None, "old", digest("old"), [new]]


def test_the_guest_knows_the_board_by_the_same_hardware_address_before_and_after(bench: Bench) -> None:
    """It remembers the one that asked at its gate; answers to another would be lost for half a minute after the cut-over."""
    assert bench.do("prepare", "same", "clear")[1] is True


def test_a_cut_over_that_was_killed_half_way_is_done_again(bench: Bench) -> None:
    assert bench.do("prepare", "hotplug", "cut", "both", "off", "cut", "off", "client")[4:] == [
        [], None, [bridges_driver.OLD], "new",
    ]  # fmt: skip


def test_what_is_half_made_is_made_anew_and_all_of_it_goes(bench: Bench) -> None:
    answers = bench.do("prepare", "prepare", "hotplug", "gate", "clear", "left", "clear", "left")
    assert answers[3:] == [digest("new"), None, [], None, []]


def test_a_guest_is_taken_off_once_and_again(bench: Bench) -> None:
    assert bench.do("take_off", "off", "take_off", "off")[1::2] == [[bridges_driver.OLD, bridges_driver.NEW]] * 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("silent", "nothing says where it answers ([network])"),
        ("two cards", "2 network interfaces"),
        ("no card", "0 network interfaces"),
        ("dhcp", "DHCP"),
        ("other bridge", "ovs0 is not one of the kernel's own bridges"),
        ("v6", "IPv6"),
        ("elsewhere", "no address on xenbr0 in the network of 10.9.9.80"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_beside_is_said_in_words(bench: Bench, change: str, why: str) -> None:
    ((said),) = bench.do(f"obstacle:{change}")
    assert why in str(said)


def test_a_bridge_whose_new_ports_are_deaf_and_a_board_without_the_script_are_obstacles(bench: Bench) -> None:
    deaf, fine = bench.do("stp", "obstacle")
    assert "spanning tree" in str(deaf)
    assert fine == ""
    (bench.scripts / "vif-edgedeploy").unlink()
    (missing,) = bench.do("obstacle")
    assert "to put it there: edgedeploy enrol BOARD" in str(missing)
