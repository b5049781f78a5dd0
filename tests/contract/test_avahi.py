"""A real Avahi on the board's side, our search on the laptop's, a cable between: the way boards are found on stage."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.core.announce import Announcement
from edgedeploy.core.names import AppName, ReleaseId
from tests.contract.avahi_board import SAID, Avahi, cabled, more_networks
from tests.guard import USUAL_S, until
from tests.needs import require
from tests.netns import Namespace

pytestmark = pytest.mark.contract

# without a limit: it is the first sighting that ends it
PROBE = """
import json, sys
from edgedeploy.discover import mdns
found = mdns.browse(None, sys.argv[1:], until=bool)
json.dump([[s.name, s.addresses, s.seen_on] for s in found], sys.stdout)
"""

COMING = """
import sys
from edgedeploy.discover import interfaces, mdns
looked = interfaces.networks
def networks():
    found = looked()
    networks.times = getattr(networks, "times", 0) + 1
    if networks.times == 2:
        print("began", flush=True)
    return found
interfaces.networks = networks
print(*(s.name for s in mdns.browse(None, sys.argv[1:], until=bool)))
"""


@pytest.fixture
def laptop() -> Iterator[Namespace]:
    with Namespace("laptop") as space:
        yield space


@pytest.fixture
def board() -> Iterator[Namespace]:
    with Namespace("board") as space:
        yield space


@pytest.fixture
def avahi(laptop: Namespace, board: Namespace, tmp_path: Path) -> Avahi:
    """A board `cubie` on a cable: eth0 there, lan0 here."""
    if not shutil.which("avahi-daemon"):
        require("avahi-daemon is not installed: apt-get install avahi-daemon")
    return cabled(laptop, board, tmp_path)


def probe(laptop: Namespace, *interfaces: str) -> list[list[object]]:
    """Name, addresses and network of what is seen first."""
    done = laptop.python("-X", "dev", "-W", "error", "-c", PROBE, *interfaces)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def discover(laptop: Namespace) -> list[dict[str, object]]:
    """What `edgedeploy discover` shows; none is an answer too."""
    done = laptop.python("-m", "edgedeploy", "discover", "-t", "2", "--json")
    assert done.returncode == 0 or "no board" in done.stderr, done.stderr
    return json.loads(done.stdout) if done.returncode == 0 else []


def test_discover_shows_the_board(avahi: Avahi, laptop: Namespace) -> None:
    (found,) = until(lambda: discover(laptop), "discover shows a board")
    assert found.pop("addresses")[0] == "10.99.1.2"
    assert found == {
        "id": "00112233aabbccdd",
        "name": "cubie",
        "profile": "cubieboard2",
        "agent": "0123456789ab",
        "port": 22,
        "apps": {"decks": "2026-11-23-1", "web": None},
        "more_apps": 0,
        "forwards": {},
        "interface": "lan0",
        "conflict": False,
    }


def test_the_first_sighting_ends_the_search(avahi: Avahi, laptop: Namespace) -> None:
    ((name, addresses, seen_on),) = probe(laptop)
    assert (name, seen_on) == ("cubie", "lan0")
    assert "10.99.1.2" in str(addresses)


def test_many_networks_some_of_them_dead(avahi: Avahi, laptop: Namespace) -> None:
    with more_networks(laptop):
        assert probe(laptop)[0][0] == "cubie"
    assert probe(laptop, "lan0")[0][2] == "lan0"
    assert probe(laptop, "10.99.1.1")[0][2] == "lan0"


def test_more_networks_than_one_socket_may_listen_to(avahi: Avahi, laptop: Namespace) -> None:
    """Docker's bridges come first in the kernel's list, and lan0 is the one that would be left out."""
    laptop.run("sysctl", "-qw", "net.ipv4.igmp_max_memberships=4")
    laptop.ip("link", "set", "lan0", "down")
    laptop.ip("address", "flush", "dev", "lan0")
    for number in range(9):
        laptop.ip("link", "add", f"docker{number}", "type", "bridge")
        laptop.ip("address", "add", f"10.97.{number}.1/24", "dev", f"docker{number}")
        laptop.ip("link", "set", f"docker{number}", "up")
    laptop.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    laptop.ip("address", "add", "10.99.1.1/24", "dev", "lan0")
    laptop.ip("link", "set", "lan0", "up")
    assert probe(laptop) == [["cubie", ["10.99.1.2"], "lan0"]]


@pytest.mark.parametrize("words", [(), ("lan0",)])
def test_a_cable_that_comes_after_the_search_began(
    avahi: Avahi, laptop: Namespace, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """For whoever types the command first, and then plugs in; and once more for a cable that was out for a while."""
    laptop.ip("address", "flush", "dev", "lan0") if not words else laptop.ip("link", "set", "lan0", "down")
    log = tmp_path / "search.log"
    search = laptop.spawn([sys.executable, "-c", COMING, *words], log)
    until(lambda: "began" in log.read_text(), "the search began")
    if words:
        laptop.ip("link", "set", "lan0", "up")
    else:
        laptop.ip("address", "add", "10.99.1.1/24", "dev", "lan0")
    until(lambda: "cubie" in log.read_text(), lambda: f"the board is seen: {log.read_text()}")
    assert search.wait(USUAL_S) == 0


def test_avahi_on_the_laptop_too(avahi: Avahi, laptop: Namespace, tmp_path: Path) -> None:
    other = Avahi(laptop, tmp_path / "laptop-avahi", "laptop")
    other.wait("Server startup complete")
    assert probe(laptop)[0][0] == "cubie"


def test_ipv6_link_local_is_enough(avahi: Avahi, laptop: Namespace, board: Namespace) -> None:
    board.ip("address", "del", "10.99.1.2/24", "dev", "eth0")
    laptop.ip("address", "del", "10.99.1.1/24", "dev", "lan0")
    heard: list[list[object]] = []

    def renounced() -> bool:
        heard[:] = probe(laptop)
        return "10.99.1.2" not in str(heard)

    until(renounced, lambda: f"Avahi withdraws the IPv4 address, and announces itself again: {heard}")
    (name, addresses, seen_on) = heard[0]
    assert name == "cubie"
    assert seen_on == "lan0"
    assert isinstance(addresses, list)
    assert addresses
    assert all(str(a).startswith("fe80::") and str(a).endswith("%lan0") for a in addresses)


def test_a_new_release_is_announced(avahi: Avahi, laptop: Namespace) -> None:
    newer = Announcement(SAID.board_id, SAID.profile, SAID.agent, {AppName("decks"): ReleaseId("r2")})
    avahi.publish(newer)

    def shown() -> str:
        out = laptop.python("-m", "edgedeploy", "discover", "-t", "1").stdout
        return out if "decks: r2" in out else ""

    assert "cubie" in until(shown, "discover shows the new release")


def test_nothing_to_ask_on_says_what_to_type() -> None:
    with Namespace("alone") as alone:
        alone.ip("link", "set", "lo", "down")
        done = alone.python("-m", "edgedeploy", "discover", "-t", "1")
    assert done.returncode in (10, 11)
    assert "--host" in done.stderr
