"""Which serial port: a pure choice over a list of records, and the thin edge that makes the list.

Only module that imports pyserial. Sources of the USB ids: the kernel's own tables, drivers/usb/serial/cp210x.c,
ftdi_sio_ids.h, ch341.c, cdc-acm (CH9102 and friends), pl2303.h, drivers/usb/gadget/legacy/serial.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable

BY_ID = Path("/dev/serial/by-id")

_ADAPTERS: dict[int, tuple[str, frozenset[int]]] = {
    0x10C4: ("CP210x", frozenset({0xEA60, 0xEA61, 0xEA63, 0xEA70, 0xEA71, 0xEA80})),
    0x0403: ("FTDI", frozenset({0x6001, 0x6010, 0x6011, 0x6014, 0x6015})),
    0x1A86: ("CH34x", frozenset({0x5523, 0x7522, 0x7523, 0x55D2, 0x55D3, 0x55D4, 0x55D5, 0x55D8, 0x55DA})),
    0x067B: ("PL2303", frozenset({0x04BB, 0x2303, 0x2304, 0x23A3, 0x23B3, 0x23C3, 0x23D3, 0x23E3, 0x23F3})),
    0x04D8: ("MCP2221", frozenset({0x00DD})),
    0x2E8A: ("Raspberry Pi debug probe", frozenset({0x000C})),
    0x0525: ("gadget serial", frozenset({0xA4A6, 0xA4A7})),
    0x1D6B: ("gadget serial", frozenset({0x0104})),
}
"""vendor -> (what people call it, its products)"""


@dataclass(frozen=True, slots=True)
class Port:
    """One serial port of this computer."""

    device: str
    """what to open: /dev/ttyUSB0"""
    stable: str = ""
    """its /dev/serial/by-id name, the same after a re-plug; empty where there is none"""
    vid: int | None = None
    pid: int | None = None
    product: str = ""
    remembered: bool = False
    """a board was reached over it before, or the configuration names it; it need not be on USB"""

    @property
    def adapter(self) -> str:
        """What kind of USB-serial adapter it is; empty for anything else: modems, Arduinos, the computer's own."""
        kind, products = _ADAPTERS.get(self.vid or 0, ("", frozenset()))
        return kind if self.pid in products else ""

    @property
    def pin(self) -> str:
        """The name to remember for a board."""
        return self.stable or self.device

    @property
    def line(self) -> str:
        """One line for people."""
        if self.remembered:
            return f"{self.device}: a board's, used before"
        what = self.adapter or (printable(self.product, 60) or "USB" if self.vid is not None else "this computer's own")
        return f"{self.device}: {what}" + (f", {printable(self.stable, 120)}" if self.stable else "")

    def answers_to(self, name: str) -> bool:
        """Whether a person who typed `name` means this port: a path, or the last part of one."""
        return name in {path for full in (self.device, self.stable) if full for path in (full, Path(full).name)}


@dataclass(frozen=True, slots=True)
class Choice:
    """The port that was chosen and why, in words that follow "serial port X: "."""

    port: Port
    why: str


def choose(ports: Sequence[Port], *, named: str = "", pinned: str = "") -> Choice:
    """The named port, else the pinned one, else the only usual adapter.

    Only adapters of the usual kinds are taken unasked: what else sits on USB may be a modem, and the computer's own
    ttys may be its own console. Raises Unreachable when there is no port to take, UsageFault when a person must say
    which; both list what is there.
    """
    if named:
        found = next((port for port in ports if port.answers_to(named)), None)
        return Choice(found or Port(named), "you named it")
    pinned_port = next((port for port in ports if pinned and port.answers_to(pinned)), None)
    if pinned_port:
        return Choice(pinned_port, "it is the board's")
    usual = [port for port in ports if port.adapter]
    if len(usual) == 1:
        why = f"the only adapter here ({usual[0].adapter})"
        return Choice(usual[0], f"{why}; the board's usual one is not plugged in" if pinned else why)
    listing = tuple(port.line for port in ports)
    if usual:
        raise errors.UsageFault(
            f"there are {len(usual)} serial cables here: which one?",
            hint=f"name it: --port {usual[0].pin}",
            details=tuple(port.line for port in usual),
        )
    raise errors.Unreachable(
        "there is no USB-serial cable plugged in",
        hint=f"plug it in; another port must be named: --port {ports[0].device if ports else '/dev/ttyUSB0'}",
        details=listing,
    )


def here(remembered: Sequence[str] = ()) -> list[Port]:
    """The serial ports of this computer, by device name. An answer of this moment: cables come and go.

    Those of `remembered` that are there count too, wherever they are: a terminal server's, a lab's, a name of udev's.
    """
    found = _listed()
    more = [name for name in dict.fromkeys(remembered) if name and not any(port.answers_to(name) for port in found)]
    return found + [Port(name, remembered=True) for name in more if Path(name).exists()]


def _listed() -> list[Port]:
    from serial.tools import list_ports  # noqa: PLC0415 - 30 ms that only the serial wire has to pay

    stable = _stable_names()
    return sorted(
        (
            Port(port.device, stable.get(port.device, ""), port.vid, port.pid, port.product or port.description or "")
            for port in list_ports.comports()
        ),
        key=lambda port: port.device,
    )


def _stable_names() -> dict[str, str]:
    try:
        return {str(link.resolve()): str(link) for link in sorted(BY_ID.iterdir(), reverse=True)}
    except OSError:  # no udev here, or no port at all
        return {}
