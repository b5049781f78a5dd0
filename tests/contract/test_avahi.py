"""A real Avahi on the board's side, our search on the laptop's, a cable between: the way boards are found on stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedeploy.core.announce import Announcement, avahi_service_xml, txt_records
from edgedeploy.core.names import AppName, BoardId, ProfileName, ReleaseId
from tests.guard import let_pass, until
from tests.needs import require
from tests.netns import Namespace, join

pytestmark = pytest.mark.contract

SAID = Announcement(
    BoardId("00112233aabbccdd"),
    ProfileName("cubieboard2"),
    agent="0123456789ab",
    apps={AppName("decks"): ReleaseId("2026-11-23-1"), AppName("web"): None},
)
DAEMON = """[server]
host-name={host}
use-ipv4=yes
use-ipv6=yes
enable-dbus=no
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
publish-hinfo=no
"""
# without a limit: it is the first sighting that ends it
PROBE = """
import json, sys
from edgedeploy.discover import mdns
found = mdns.browse(None, sys.argv[1:], until=bool)
json.dump([[s.name, s.addresses, s.seen_on] for s in found], sys.stdout)
"""


class Avahi:
    """avahi-daemon in a namespace, with /etc/avahi/services and /run of its own (a private mount namespace)."""

    def __init__(self, where: Namespace, folder: Path, host: str) -> None:
        folder.mkdir()
        self.services = folder / "services"
        self.services.mkdir()
        (folder / "run").mkdir()
        config = folder / "avahi-daemon.conf"
        config.write_text(DAEMON.format(host=host))
        script = (
            f"mount --bind {self.services} /etc/avahi/services && mount --bind {folder}/run /run && mkdir -p "
            f"/run/avahi-daemon && exec avahi-daemon -f {config} --no-drop-root --no-chroot --no-rlimits"
        )
        self.log = folder / "log"
        where.spawn(["unshare", "-m", "sh", "-c", script], self.log)

    def publish(self, said: Announcement) -> None:
        """As the agent does it: write elsewhere, rename; Avahi watches the folder."""
        new = self.services / ".edgedeploy.new"
        new.write_text(avahi_service_xml(txt_records(said)))
        new.rename(self.services / "edgedeploy.service")

    def wait(self, words: str) -> None:
        until(lambda: words in self.log.read_text(), lambda: f"{words!r} in Avahi's log:\n{self.log.read_text()}")


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
    join(laptop, "lan0", board, "eth0")
    laptop.ip("address", "add", "10.99.1.1/24", "dev", "lan0")
    board.ip("address", "add", "10.99.1.2/24", "dev", "eth0")
    daemon = Avahi(board, tmp_path / "avahi", "cubie")
    daemon.publish(SAID)
    daemon.wait("successfully established")
    let_pass(1.1, "Avahi does not repeat what it announced within the last second (RFC 6762, 6)")
    return daemon


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
    with Namespace("void") as void:
        for n in range(6):
            join(laptop, f"dead{n}", void, f"end{n}")
            laptop.ip("address", "add", f"10.98.{n}.1/24", "dev", f"dead{n}")
        laptop.ip("link", "set", "dead0", "down")
        void.ip("link", "set", "end1", "down")
        laptop.ip("link", "set", "dead2", "multicast", "off")
        assert probe(laptop)[0][0] == "cubie"
    assert probe(laptop, "lan0")[0][2] == "lan0"
    assert probe(laptop, "10.99.1.1")[0][2] == "lan0"


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
