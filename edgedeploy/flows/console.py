"""A person at a board's serial console."""

from __future__ import annotations

from contextlib import ExitStack

from edgedeploy.ports.report import Report
from edgedeploy.profiles import catalog
from edgedeploy.wires.serial import ports, terminal
from edgedeploy.wires.serial.port import SerialPort

USUAL_BAUD = 115200


def rate(baud: int | None, kind: str | None) -> int:
    """The named rate, else that of the kind of board, else the usual one. Raises BadConfig for an unknown kind."""
    return baud or (catalog.load(kind).console.baud if kind else USUAL_BAUD)


def console(named: str | None, baud: int, log: str | None, report: Report) -> None:
    """Open the port and join it with this terminal. Raises as ports.choose, SerialPort and terminal.attach."""
    choice = ports.choose(ports.here(), named=named or "")
    with ExitStack() as stack:
        port = stack.enter_context(SerialPort(choice.port.device, baud))
        file = stack.enter_context(terminal.open_log(log)) if log else None
        report.note(f"{choice.port.device} at {baud} baud: {choice.why}")
        terminal.attach(port, file)
