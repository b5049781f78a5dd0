"""Two boards of one SD-card image: they have one machine-id, and often one host key. The second gets an id of its own."""

from __future__ import annotations

from dataclasses import dataclass

from edgedeploy.core import errors, names
from edgedeploy.flows.context import Context, pins_file
from edgedeploy.flows.find import Found
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires import trust


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A board that is being enrolled: who it says it is (`enrolled`: because it has an agent), and where it answers."""

    board_id: names.BoardId | None
    enrolled: bool
    name: names.BoardName
    host_key: trust.HostKey
    hosts: tuple[str, ...]
    port: int


def twin(of: Newcomer, context: Context) -> KnownBoard | None:
    """The other board that has its id; None where it may well be that very board.

    A board that got a new host key, address or name is the same to everybody; so the other one is asked, and where it is
    silent, a new name beside another change speaks for a second board.
    """
    known = context.known.get(of.board_id) if of.board_id else None
    if known is None or (known.port == of.port and set(known.hosts) & set(of.hosts)):
        return None
    renamed = known.name != of.name
    stranger = of.host_key not in trust.Pins(pins_file(context.config)).lookup(trust.alias_of(known.board_id))
    if (stranger or not of.enrolled) and (renamed or answers(known, context)):
        return known
    return None


def answers(known: KnownBoard, context: Context) -> names.BoardName | None:
    """What the board calls itself that answers where an enrolled one last did, with the key that is pinned; None: nobody does."""
    if not known.hosts:
        return None
    found = Found(known.name, known.hosts, known.port, "enrolment", known, known.profile)
    with context.report.step(f"asking whether {known.name} is still at {known.hosts[0]}") as step:
        try:
            wire, client = context.talk(found, timeout=20.0)
            with wire, client:
                return names.BoardName(client.hello().name)
        except errors.EdgeError:
            step.detail("no")
            return None


def told(known: KnownBoard, board_id: str, name: str) -> tuple[str, ...]:
    """For people: what was done about it."""
    same = known.name == name
    called = f"; both are called {name}, and another name tells them apart: edgedeploy enrol --name NAME HOST" if same else ""
    return (
        f"note: it has the id of {known.name} ({known.hosts[0] if known.hosts else 'known by its cable'}): "
        f"both come from one SD-card image, with one /etc/machine-id. This one is {board_id} from now on{called}",
    )
