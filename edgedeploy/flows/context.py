"""What the use cases act with: the network, the cables, the boards that are known, the person.

The real ones are in flows/adapters.py; tests hand in their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.flows import find
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.conversation import Reached, open_client
from edgedeploy.flows.find import Browse, Choose, Found, Wanted
from edgedeploy.ports.report import Report
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoards
from edgedeploy.wires.serial.ports import Port

Connect = Callable[[Found], Wire]
USUAL_BAUD = 115200
"""of a board whose kind is not known"""


@dataclass(frozen=True, slots=True)
class Line:
    """What opens a serial wire. `rate`: bytes/s that an earlier session learned; `timeout` in seconds."""

    device: str
    baud: int
    user: str
    ask: Callable[[str], str | None]
    timeout: float
    rate: float | None
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cables:
    """This computer's serial ports, and what the user's configuration says of boards' cables."""

    here: Callable[[], Sequence[Port]]
    open: Callable[[Line], Wire]
    password: Callable[[], ConsolePassword]
    baud: Callable[[str], int] = lambda _: USUAL_BAUD
    """kind of board -> the rate of its console"""
    pins: Mapping[str, str] = field(default_factory=dict)
    """board name -> its port, as the configuration has it"""
    users: Mapping[str, str] = field(default_factory=dict)
    """board name -> who logs in"""


def plugged_in(cables: Cables | None) -> bool:
    """Whether there is a cable that would be taken unasked, or could be named."""
    return cables is not None and any(port.adapter or port.remembered for port in cables.here())


@dataclass(frozen=True)
class Context:
    """Everything with a side effect that a use case needs."""

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


def remembered(reached: Reached, context: Context, app: names.AppName | None = None) -> None:
    """Remember where the board answered, or over which cable and how fast."""
    refreshed(reached.found, context, app, int(getattr(reached.wire, "rate", 0) or 0))


def refreshed(found: Found, context: Context, app: names.AppName | None = None, rate: int = 0) -> None:
    """As `remembered`; `rate` is what a cable carried, in bytes/s."""
    if found.known is None:
        return
    if found.cable:
        context.known.cabled(found.known, found.cable, rate or found.known.rate, app)
    else:
        context.known.seen(found.known, found.hosts, found.port, found.forwards, app, at=time.time())
