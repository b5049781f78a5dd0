"""Does the board answer this laptop over the network, and is it that board? The end of a recovery, and its only proof."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgedeploy.core import errors
from edgedeploy.flows.context import Context, refreshed
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.flows.rescue.facts import Facts
from edgedeploy.remote.known import KnownBoard

TIMEOUT = 60.0
"""seconds that an agent may take to say who it is"""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the board answered and proved itself. `at` "" : nowhere."""

    at: str = ""
    how: str = ""
    why_not: str = ""
    """the last thing that went wrong, in words"""


def verify(board: KnownBoard, facts: Facts, context: Context, *, remember: bool = True) -> Reached:
    """Try mDNS, then where it was before, then what the board said of itself over the cable; remember what is proven."""
    why_not = "no address of it is known"
    for found in _places(board, facts, context):
        try:
            with context.report.step(f"asking {found.name} at {found.hosts[0]}"):
                wire, client = context.talk(found, timeout=TIMEOUT)
                with wire, client:
                    welcome = client.hello()
        except errors.EdgeError as error:
            why_not = error.message
            continue
        if welcome.board_id == board.board_id:
            if remember:
                refreshed(found, context)
            host = f"[{found.hosts[0]}]" if ":" in found.hosts[0] else found.hosts[0]
            how = found.how if found.how == "seen by mDNS" else "by its address; mDNS does not bring it here"
            return Reached(host if found.port == 22 else f"{host}:{found.port}", how)
        why_not = f"another board answers at {found.hosts[0]}: {welcome.name}"
    return Reached(why_not=why_not)


def _places(board: KnownBoard, facts: Facts, context: Context) -> Iterator[Found]:
    tried: tuple[str, ...] = ()
    own = [address.text for address in (*facts.usable(six=True), *facts.link_local(4))]
    try:
        found = context.find(Wanted(on=board.board_id))
        lasting = tuple(address.text for address in facts.usable())
        if lasting and all(map(_link_local, found.hosts)):
            # its Avahi has only just begun, and says first what it can say first: an address that a person can type is better
            yield replace(found, hosts=lasting)
        tried = found.hosts
        yield found
    except errors.NoSuchBoard:
        pass
    hosts = tuple(host for host in own if host not in tried or board.port != facts.ssh_port)
    if hosts:
        yield Found(board.name, hosts, facts.ssh_port, "by the address that it said over the cable", board, board.profile)


def _link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_link_local
    except ValueError:  # a name
        return False
