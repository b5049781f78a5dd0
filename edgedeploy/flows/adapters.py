"""The real network, cables and person behind a Context: what the command line builds one of.

What costs time to import is imported when it is used.
"""

from __future__ import annotations

import importlib
import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from edgedeploy.core import errors, names
from edgedeploy.flows.context import USUAL_BAUD, Connect, Line, pins_file
from edgedeploy.flows.find import Browse, Found, Until
from edgedeploy.ports import user
from edgedeploy.ports.wire import Wire
from edgedeploy.profiles import catalog
from edgedeploy.remote import agentkit, pushkey

HURRIED_CONNECT_S, HURRIED_BANNER_S = 4.0, 8.0
"""how long the network gets when there is a cable to fall back on: see flows/reach.py"""


def over_ssh(config: Path, hurry: Callable[[], bool] = lambda: False) -> Connect:
    """Connect with the push key to a board's pinned host key, whatever address it answers on.

    `hurry` says whether there is another way to fall back on.
    """

    def connect(found: Found) -> Wire:
        board = found.known
        assert board is not None, "only enrolled boards have a push key"
        if board.folder:
            from edgedeploy.lab import here  # noqa: PLC0415 - for one kind of board alone
            from edgedeploy.wires.local import LocalWire  # noqa: PLC0415 - as above

            return LocalWire(here.command(Path(board.folder), agentkit.build()))
        # in the thread of the attempt, while mDNS is asked in another
        from edgedeploy.wires import ssh, trust  # noqa: PLC0415 - paramiko costs 140 ms

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
        return USUAL_BAUD


def over_mdns(interfaces: Sequence[str]) -> Browse:
    """Browse on these interfaces, on all when there are none."""

    def browse(timeout: float, until: Until) -> Sequence[object]:
        from edgedeploy.discover import mdns  # noqa: PLC0415 - zeroconf costs 70 ms

        # whoever answers is spoken to by SSH: what that needs is loaded while the answer is waited for
        threading.Thread(target=importlib.import_module, args=("edgedeploy.wires.ssh",), name="load ssh").start()
        return mdns.browse(timeout, interfaces, until=until)

    return browse  # type: ignore[return-value]  # Sighting is imported by find only


def who_am_i() -> str:
    """Who deploys, for the board's records: user@laptop."""
    return names.printable(f"{os.environ.get('SUDO_USER') or user.name()}@{socket.gethostname()}", 80)
