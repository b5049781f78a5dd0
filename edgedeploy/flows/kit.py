"""What the use cases act with: the network, the boards that are known, the person. Built once by the command line."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.flows import find
from edgedeploy.flows.find import Browse, Choose, Found, Until, Wanted
from edgedeploy.ports.report import Report
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import pushkey
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard, KnownBoards

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

    def find(self, wanted: Wanted) -> Found:
        """See flows.find.find."""
        return find.find(wanted, self.known.all(), self.browse, self.choose, self.report)

    def enrolled(self, found: Found) -> KnownBoard:
        """The registered board behind `found`; raises errors.UsageFault when it was never enrolled here."""
        if found.known is None:
            raise errors.UsageFault(
                f"{found.label} is not enrolled on this laptop", hint=f"edgedeploy enrol {_address(found)}"
            )
        return found.known

    def talk(self, found: Found, *, timeout: float = 120.0) -> tuple[Wire, AgentClient]:
        """Open a wire and a conversation. The caller closes both."""
        wire = self.connect(found)
        try:
            return wire, AgentClient(wire, timeout=timeout)
        except BaseException:
            wire.close()
            raise


def _address(found: Found) -> str:
    return f"{found.hosts[0]}:{found.port}" if found.port != 22 else found.hosts[0]


def over_ssh(config: Path) -> Connect:
    """Connect with the push key to a board's pinned host key, whatever address it answers on."""
    from edgedeploy.wires import ssh, trust  # noqa: PLC0415 - paramiko costs 140 ms that `--help` need not pay

    def connect(found: Found) -> Wire:
        board = found.known
        assert board is not None, "only enrolled boards have a push key"
        first, *others = found.hosts
        target = ssh.SshTarget(first, found.port, board.user, also=tuple(others))
        pins = trust.Pins(pins_file(config))
        credentials = ssh.Credentials(key_file=pushkey.private_key(config))
        return ssh.SshWire(target, trust.Pinned(trust.alias_of(board.board_id), pins), credentials)

    return connect


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


def refreshed(found: Found, kit: Kit, app: names.AppName | None = None) -> None:
    """Remember where the board answered."""
    if found.known:
        kit.known.seen(found.known, found.hosts, found.port, found.forwards, app)
