"""A person at a board's serial console, or at the console of a guest."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing

from edgedeploy.core import names
from edgedeploy.flows.context import USUAL_BAUD, Context
from edgedeploy.flows.find import Wanted
from edgedeploy.flows.reach import reach
from edgedeploy.ports import join
from edgedeploy.ports.report import Report
from edgedeploy.profiles import catalog
from edgedeploy.wires.serial import ports, terminal
from edgedeploy.wires.serial.port import SerialPort


def rate(baud: int | None, kind: str | None) -> int:
    """The named rate, else that of the kind of board, else the usual one. Raises BadConfig for an unknown kind."""
    return baud or (catalog.load(kind).console.baud if kind else USUAL_BAUD)


def console(named: str | None, baud: int, log: str | None, report: Report) -> None:
    """Open the port and join it with this terminal. Raises as ports.choose, SerialPort and join.join."""
    choice = ports.choose(ports.here(), named=named or "")

    def again() -> SerialPort:
        there = ports.choose(ports.here(), named=choice.port.pin)  # a cable may come back under another device name
        return SerialPort(there.port.device, baud)

    with ExitStack() as stack:
        port = SerialPort(choice.port.device, baud)
        # a person may plug it in again; a script wants to know that it is out
        cable = stack.enter_context(closing(terminal.Cable(port, again if sys.stdin.isatty() else None)))
        file = stack.enter_context(join.open_log(log)) if log else None
        report.note(f"{choice.port.device} at {baud} baud: {choice.why}")
        join.join(cable, file)
        if cable.at_shell and sys.stdin.isatty():
            report.warn("you are still logged in there, and so is whoever takes this cable next: `exit` logs out")


def guest(wanted: Wanted, app: names.AppName, log: str | None, context: Context) -> None:
    """Join the console of the app's guest with this terminal, over any wire. Raises as AgentClient.attach and join.join."""
    with ExitStack() as stack:
        file = stack.enter_context(join.open_log(log)) if log else None
        reached = stack.enter_context(reach(wanted, context))
        found = reached.found
        with context.report.step(f"opening the console of {app} on {found.name}"):
            line = stack.enter_context(reached.client.attach(app, context.who))
        told = line.told
        release = names.printable(told.release, 80)
        context.report.note(f"{app} on {found.name}: VM {names.printable(told.domain, 80)}, release {release}")
        if told.dead:
            context.report.warn(f"{app} has crashed or shut down: these are its last words")
        join.join(line, file)
