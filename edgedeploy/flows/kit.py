"""What the use cases act with: the network, the boards that are known, the person. Built once by the command line."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.flows import cable, find
from edgedeploy.flows import reach as ladder
from edgedeploy.flows.cable import Cables, Line
from edgedeploy.flows.conversation import Reached, open_client
from edgedeploy.flows.find import Browse, Choose, Found, Until, Wanted
from edgedeploy.ports.report import Report
from edgedeploy.ports.wire import Wire
from edgedeploy.profiles import catalog
from edgedeploy.remote import agentkit, pushkey
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard, KnownBoards

Connect = Callable[[Found], Wire]
HURRIED_CONNECT_S, HURRIED_BANNER_S = 4.0, 8.0
"""how long the network gets when there is a cable to fall back on: see flows/reach.py"""


@dataclass(frozen=True)
class Kit:
    """Everything with a side effect that a use case needs. Tests hand in their own."""

    browse: Browse
    connect: Connect
    known: KnownBoards
    choose: Choose
    report: Report
    who: str
    config: Path
    cables: Cables | None = None

    def find(self, wanted: Wanted) -> Found:
        """See flows.find.find."""
        return find.find(wanted, self.known.all(), self.browse, self.choose, self.report)

    def reach(self, wanted: Wanted, offer: Callable[[Found], None] | None = None) -> Reached:
        """A conversation with the board that is meant, over the way that works: see flows.reach.reach.

        A board that is not enrolled on this laptop is offered to `offer`, which enrols it or raises; without that it is
        a UsageFault.
        """
        reached = ladder.reach(wanted, self)
        if isinstance(reached, Found) and offer:
            offer(reached)
            reached = ladder.reach(wanted, self)
        if isinstance(reached, Found):
            raise not_enrolled(reached)
        remembered(reached, self)
        return reached

    def enrolled(self, found: Found) -> KnownBoard:
        """The registered board behind `found`; raises errors.UsageFault when it was never enrolled here."""
        if found.known is None:
            raise not_enrolled(found)
        return found.known

    def talk(self, found: Found, *, timeout: float = 120.0) -> tuple[Wire, AgentClient]:
        """Open a wire over the network and a conversation. The caller closes both."""
        return open_client(self.connect(found), timeout)


def not_enrolled(found: Found) -> errors.UsageFault:
    """The error for a board that was found, but is no board of this laptop's."""
    if not found.hosts:
        return errors.UsageFault(
            f"{found.label} is not enrolled on this laptop",
            hint="enrol it over the cable: edgedeploy recover",
        )
    address = f"{found.hosts[0]}:{found.port}" if found.port != 22 else found.hosts[0]
    return errors.UsageFault(f"{found.label} is not enrolled on this laptop", hint=f"edgedeploy enrol {address}")


def over_ssh(config: Path, hurry: Callable[[], bool] = lambda: False) -> Connect:
    """Connect with the push key to a board's pinned host key, whatever address it answers on.

    `hurry` says whether there is another way to fall back on.
    """
    from edgedeploy.wires import ssh, trust  # noqa: PLC0415 - paramiko costs 140 ms that `--help` need not pay

    def connect(found: Found) -> Wire:
        board = found.known
        assert board is not None, "only enrolled boards have a push key"
        first, *others = found.hosts
        target = ssh.SshTarget(first, found.port, board.user, also=tuple(others))
        pins = trust.Pins(pins_file(config))
        policy = trust.Pinned(trust.alias_of(board.board_id), pins)
        credentials = ssh.Credentials(key_file=pushkey.private_key(config))
        if not hurry():
            return ssh.SshWire(target, policy, credentials)
        return ssh.SshWire(
            target, policy, credentials, connect_timeout=HURRIED_CONNECT_S, banner_timeout=HURRIED_BANNER_S
        )

    return connect


def over_serial(line: Line) -> Wire:
    """The serial wire to a board's console."""
    from edgedeploy.wires.serial.wire import SerialWire  # noqa: PLC0415 - what a push over the network need not load

    return SerialWire(
        line.device, line.baud, agentkit.foothold(), user=line.user, ask=line.ask, timeout=line.timeout,
        rate=line.rate, tell=line.tell,
    )  # fmt: skip


def baud_of(kind: str) -> int:
    """The rate of a kind of board's console; the usual one for a kind that is not known here."""
    try:
        return catalog.load(kind).console.baud
    except errors.EdgeError:
        return cable.USUAL_BAUD


def pins_file(config: Path) -> Path:
    """Where the host keys of enrolled boards are pinned."""
    return config / "known_hosts"


def over_mdns(interfaces: Sequence[str]) -> Browse:
    """Browse on these interfaces, on all when there are none."""

    def browse(timeout: float, until: Until) -> Sequence[object]:
        from edgedeploy.discover import mdns  # noqa: PLC0415 - zeroconf costs 70 ms

        return mdns.browse(timeout, interfaces, until=until)

    return browse  # type: ignore[return-value]  # Sighting is imported by find only


def who_am_i() -> str:
    """Who deploys, for the board's records: user@laptop."""
    return names.printable(f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}", 80)


def remembered(reached: Reached, kit: Kit, app: names.AppName | None = None) -> None:
    """Remember where the board answered, or over which cable and how fast."""
    refreshed(reached.found, kit, app, int(getattr(reached.wire, "rate", 0) or 0))


def refreshed(found: Found, kit: Kit, app: names.AppName | None = None, rate: int = 0) -> None:
    """As `remembered`; `rate` is what a cable carried, in bytes/s."""
    if found.known is None:
        return
    if found.cable:
        kit.known.cabled(found.known, found.cable, rate or found.known.rate, app)
    else:
        kit.known.seen(found.known, found.hosts, found.port, found.forwards, app)
