"""Two machines on a cable, a real Avahi on the board's. For the tests, and for bench.waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgedeploy.core.announce import Announcement, avahi_service_xml, txt_records
from edgedeploy.core.names import AppName, BoardId, ProfileName, ReleaseId
from tests.guard import let_pass, until
from tests.netns import Namespace, join

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


def cabled(laptop: Namespace, board: Namespace, folder: Path) -> Avahi:
    """A board `cubie` on a cable: eth0 there, lan0 here."""
    join(laptop, "lan0", board, "eth0")
    laptop.ip("address", "add", "10.99.1.1/24", "dev", "lan0")
    board.ip("address", "add", "10.99.1.2/24", "dev", "eth0")
    daemon = Avahi(board, folder / "avahi", "cubie")
    daemon.publish(SAID)
    daemon.wait("successfully established")
    no_longer_fresh()
    return daemon


def no_longer_fresh() -> None:
    let_pass(1.1, "Avahi does not repeat what it announced within the last second (RFC 6762, 6)")


@contextmanager
def more_networks(laptop: Namespace) -> Iterator[None]:
    """Networks of the laptop's at which nobody is, some of them dead."""
    with Namespace("void") as void:
        for n in range(6):
            join(laptop, f"dead{n}", void, f"end{n}")
            laptop.ip("address", "add", f"10.98.{n}.1/24", "dev", f"dead{n}")
        laptop.ip("link", "set", "dead0", "down")
        void.ip("link", "set", "end1", "down")
        laptop.ip("link", "set", "dead2", "multicast", "off")
        yield
