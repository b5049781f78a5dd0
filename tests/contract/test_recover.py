"""`edgedeploy recover` with a real getty, shell, sshd, Avahi, DHCP server and network at the other end of the cable."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from edgedeploy.core.names import board_id_of
from tests import needs
from tests.contract.rescue_board import MACHINE, Run, SickBoard, edgedeploy
from tests.guard import USUAL_S
from tests.netns import Namespace, join

pytestmark = pytest.mark.contract

_WELL = """
ip link add xenbr0 type bridge; echo 0 >/sys/class/net/xenbr0/bridge/forward_delay
ip link set eth0 master xenbr0; ip addr add 10.77.0.9/24 brd + dev xenbr0; ip link set xenbr0 up
ssh-keygen -A; mkdir -p /run/sshd /run/dbus /run/avahi-daemon; /usr/sbin/sshd
dbus-daemon --system --fork; avahi-daemon --daemonize
"""
DHCPD = """interface lan0
start 10.77.0.100
end 10.77.0.100
lease_file {folder}/leases
pidfile {folder}/udhcpd.pid
option subnet 255.255.255.0
option router 10.77.0.1
"""


@pytest.fixture
def desk(tmp_path):
    """A board that was well when this laptop enrolled it, over SSH; each test its own, for each leaves it otherwise."""
    if os.geteuid() != 0 or not os.path.exists("/sbin/agetty") or not os.path.exists("/bin/busybox"):
        needs.require("namespaces need root, Debian's agetty and busybox-static")
    folder = tmp_path / "desk"
    folder.mkdir()
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    login = f"echo '{key.with_suffix('.pub').read_text().strip()}' >/root/.ssh/authorized_keys\n"
    with Namespace("laptop") as laptop, Namespace("board") as inner:
        join(laptop, "lan0", inner, "eth0")
        laptop.ip("addr", "add", "10.77.0.1/24", "brd", "+", "dev", "lan0")
        with SickBoard(folder, inner, _WELL + login) as board:
            desk = Desk(laptop, board, folder)
            board.until(b"cubie login: ")
            host_key = board.inside("cat /etc/ssh/ssh_host_ed25519_key.pub")
            (folder / "known").write_text(f"10.77.0.9 {host_key}\n")
            run = desk.run("enrol", "root@10.77.0.9", "--profile", "virtual-armv7", "--name", "stage", "-i", str(key),
                           "--known-hosts", str(folder / "known"))  # fmt: skip
            assert run.status == 0, run
            yield desk


class Desk:
    def __init__(self, laptop: Namespace, board: SickBoard, folder: Path):
        self.laptop, self.board, self.home = laptop, board, folder / "home"
        self.cable = "--port", board.port, "--baud", "1500000"  # a pty has no rate: that is only what is paced to

    def run(self, *words: str) -> Run:
        return edgedeploy(self.laptop, self.home, *words)

    def recover(self, *words: str) -> Run:
        return self.run("recover", *self.cable, "--json", *words)


def test_a_board_that_is_well_is_verified_and_left_alone(desk):
    run = desk.recover("--yes", "--on", "stage")
    assert run.status == 0, run
    assert run.data["verdict"] == "reachable"
    assert run.data["board"] == {"id": board_id_of(MACHINE), "name": "stage", "enrolled": True}
    assert run.data["mends"] == []
    assert run.codes() == {"no-route", "cron-down"}, run
    assert desk.board.inside("ls -d /run/edgedeploy* /tmp/edgedeploy*") == "", "nothing of ours stays there"


def test_network_off_services_dead_and_clock_wrong_are_named_mended_and_verified(desk):
    desk.board.inside("ip link set eth0 down; pkill -x sshd; pkill avahi-daemon; echo -1700000000 >/root/clock")
    shown = desk.recover("--dry-run")
    assert shown.mends() == dict.fromkeys(["clock", "link-up", "sshd", "avahi"], "would"), shown
    assert shown.status == 47
    assert desk.board.clock_off < -1600000000, "a dry run changes nothing"
    run = desk.recover("--yes")
    assert {"clock", "link-down", "sshd-down", "avahi-down"} <= run.codes(), run
    assert run.mends() == dict.fromkeys(["clock", "link-up", "sshd", "avahi"], "helped"), run
    assert run.status == 0, run
    assert run.data["reachable_at"] == "10.77.0.9"
    assert abs(desk.board.clock_off) <= USUAL_S, "no further than the way from here to there takes"


def test_an_address_that_is_gone_comes_back_by_dhcp_and_never_by_taking_anothers(desk, tmp_path):
    conf = tmp_path / "udhcpd.conf"
    conf.write_text(DHCPD.format(folder=tmp_path))
    (tmp_path / "leases").touch()
    desk.laptop.spawn(["busybox", "udhcpd", "-f", str(conf)], tmp_path / "udhcpd.log")
    desk.board.inside("ip addr flush dev xenbr0; pkill avahi-daemon")
    run = desk.recover("--yes", "--address", "10.77.0.1/24")
    assert run.mends() == {"static": "failed", "dhcp": "helped", "avahi": "helped"}, run
    assert "another machine has 10.77.0.1" in str(run.data["mends"])
    assert run.status == 0, run
    assert "10.77.0.100" in run.data["reachable_at"]
    assert "10.77.0.100" in (desk.home / "state/edgedeploy/boards.json").read_text()
    desk.board.inside("kill $(cat /run/edgedeploy-udhcpc)")


def test_an_address_by_hand_where_the_bridge_is_gone(desk):
    desk.board.inside("ip link del xenbr0; ip addr flush dev eth0")
    run = desk.recover("--yes", "--address", "10.77.0.9/24", "--gateway", "10.77.0.1")
    assert run.status == 0, run
    assert run.mends() == {"bridge": "helped", "static": "helped"}, run
    assert desk.board.inside("ip -br -4 addr show dev xenbr0").split()[-1] == "10.77.0.9/24"
    assert desk.board.inside("ip route show default").startswith("default via 10.77.0.1 dev xenbr0")


def test_a_full_disk_and_lost_host_keys(desk):
    desk.board.inside("head -c 20m /dev/zero >/var/cache/apt/archives/old.deb; pkill -x sshd; rm /etc/ssh/ssh_host_*")
    desk.board.inside("echo mine >/var/log/notes.txt")
    run = desk.recover("--yes")
    assert {"disk-full", "no-host-keys", "sshd-down"} <= run.codes()
    assert run.mends() == dict.fromkeys(["space", "host-keys", "sshd", "pin"], "helped"), run
    assert "freed" in str(run.data["mends"][0]["words"])
    assert run.status == 0, run
    assert desk.board.inside("ls /var/cache/apt/archives/old.deb /var/log/notes.txt") == "/var/log/notes.txt"


def test_a_board_that_was_never_enrolled_here_is_enrolled_over_the_cable(desk, tmp_path):
    """Another laptop: it knows neither the board nor its host key, and no SSH access was ever given to it."""
    run = edgedeploy(desk.laptop, tmp_path, "recover", *desk.cable, "--json", "--yes")
    assert run.mends() == {"agent": "helped"}, run
    assert run.status == 0, run
    assert run.data["board"] == {"id": board_id_of(MACHINE), "name": "stage", "enrolled": True}
    # whichever of its addresses it proved itself at: the laptop may have heard one of them first
    proven = run.data["reachable_at"].strip("[]")
    (board,) = json.loads((tmp_path / "state/edgedeploy/boards.json").read_text())["boards"]
    assert proven in str(board), run
    host_key = desk.board.inside("cat /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert host_key in (tmp_path / "config/edgedeploy/known_hosts").read_text()
