"""The last rung: the board's serial console. Which cable, which password, and that the right board is at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from edgedeploy.core import errors, messages, names
from edgedeploy.core.deadline import Deadline
from edgedeploy.flows.consolepass import ConsolePassword
from edgedeploy.flows.context import USUAL_BAUD, Cables, Context, Line, plugged_in
from edgedeploy.flows.conversation import Reached, open_client
from edgedeploy.flows.find import Found, Via, Wanted
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.client import AgentClient
from edgedeploy.remote.known import KnownBoard
from edgedeploy.wires.serial import ports
from edgedeploy.wires.serial.ports import Choice

BOOT_S = 180.0
"""seconds a board that just starts may take until it talks to us over its console"""
AGENT_S = 120.0
_HELLO_S = 10.0
"""seconds that an agent gets to say who it is, however little is left: its Python has to start"""
RECOVER = "edgedeploy recover"


def fallback(wanted: Wanted, cables: Cables | None) -> bool:
    """Whether there is a cable to fall back on: one that was named, or that would be taken unasked."""
    if cables is None or not wanted.cable:
        return plugged_in(cables)
    return os.path.exists(wanted.cable) or any(port.answers_to(wanted.cable) for port in cables.here())


def choose(wanted: Wanted, expected: Sequence[KnownBoard], context: Context) -> Choice:
    """Which port. Raises Unreachable when there is none, UsageFault when a person must say which and cannot be asked."""
    cables = _cables(context)
    here = cables.here()
    pins = [pin for board in expected if (pin := cables.pins.get(board.name) or board.serial)]
    plugged = list(dict.fromkeys(pin for pin in pins if any(port.answers_to(pin) for port in here)))
    pinned = plugged[0] if len(plugged) == 1 else pins[0] if len(expected) == 1 and pins else ""
    try:
        return ports.choose(here, named=wanted.cable, pinned=pinned)
    except errors.UsageFault:
        usual = [port for port in here if port.adapter]
        index = context.choose("There are several serial cables. Which one?", [port.line for port in usual])
        if index is None:
            raise
        return Choice(usual[index], "you chose it")


def over(
    choice: Choice, wanted: Wanted, expected: Sequence[KnownBoard], context: Context, limit: Deadline | None = None
) -> Reached | Found:
    """The board at the other end of a cable; a Found where it is not enrolled here.

    Raises HostKeyChanged when it is not one that is meant, UsageFault for a password, Unreachable as the wire does.
    """
    cables = _cables(context)
    only = expected[0] if len(expected) == 1 else None
    bauds = {cables.baud(board.profile) for board in expected}
    baud = bauds.pop() if len(bauds) == 1 else USUAL_BAUD
    password = cables.password()
    if only:
        password.about(only.board_id)

    def line(timeout: float) -> Line:
        return Line(
            choice.port.device,
            baud,
            cables.users.get(only.name if only else str(wanted.on or ""), "root"),
            password.ask,
            timeout,
            float(only.rate) if only and only.rate else None,
            context.report.note,
        )

    def reopen(timeout: float) -> tuple[Wire, AgentClient]:
        return open_client(cables.open(line(timeout)), timeout)

    def knock() -> tuple[Wire, AgentClient]:
        return open_client(cables.open(line(min(BOOT_S, limit.remaining) if limit else BOOT_S)), AGENT_S)

    wire, client = _let_in(knock, password)
    try:
        welcome = client.hello(max(_HELLO_S, limit.remaining) if limit else None)
        password.worked(welcome.board_id)
        found = _who(welcome, choice, wanted, expected, context)
    except errors.ProtocolMismatch as error:
        wire.close()
        error.hint = f"{RECOVER} installs it over the cable"
        raise
    except BaseException:
        wire.close()
        raise
    if found.known is None:
        wire.close()
        return found
    if len(expected) > 1:
        context.report.note(f"the board at the end of the cable is {found.name}")
    return Reached(found, wire, client, welcome, reopen)


def _let_in(
    knock: Callable[[], tuple[Wire, AgentClient]], password: ConsolePassword
) -> tuple[Wire, AgentClient]:
    while True:
        try:
            return knock()
        except errors.UsageFault:
            if not password.refused():
                raise


def _who(
    welcome: messages.Welcome, choice: Choice, wanted: Wanted, expected: Sequence[KnownBoard], context: Context
) -> Found:
    """The board that answered, when it may be the one that is meant."""
    place = choice.port.device
    there = next((board for board in context.known.all() if board.board_id == welcome.board_id), None)
    name = there.name if there else names.printable(welcome.name, 60)
    how = f"over the serial cable {place}"
    meant = any(board.board_id == welcome.board_id for board in expected)
    if not meant and wanted.on and not expected:
        meant = wanted.on in (welcome.name, welcome.board_id)
    if not meant and (expected or wanted.on):
        other = f"{name} ({names.printable(welcome.board_id, 40)})"
        mine = ", ".join(f"{board.name} ({board.board_id})" for board in expected) or str(wanted.on)
        raise errors.HostKeyChanged(
            f"the serial cable {place} leads to the board {other}, not to {mine}; nothing was touched",
            hint=f"put the cable into {expected[0].name if expected else wanted.on}"
            + (f", or mean this one: --on {name}" if there else ", or name another cable: --port PORT"),
        )
    if there is None:
        return Found(name, (), 22, how, None, names.printable(welcome.profile, 60), cable=choice.port.pin)
    forwards = dict(there.forwards)
    return Found(there.name, there.hosts, there.port, how, there, there.profile, forwards, choice.port.pin)


def _cables(context: Context) -> Cables:
    if context.cables is None:
        raise errors.UsageFault("there is no serial wire here", hint=f"--via {Via.SSH}")
    return context.cables
