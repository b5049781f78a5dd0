"""What the use cases act with: the network, the cables, the boards that are known, the person.

The real ones are in flows/adapters.py; tests hand in their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.flows import find
from edgedeploy.flows import reach as ladder
from edgedeploy.flows.cable import Cables
from edgedeploy.flows.conversation import Reached, open_client
from edgedeploy.flows.find import Browse, Choose, Found, Wanted
from edgedeploy.ports.report import Report
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoards

Connect = Callable[[Found], Wire]


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


def pins_file(config: Path) -> Path:
    """Where the host keys of enrolled boards are pinned."""
    return config / "known_hosts"


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
