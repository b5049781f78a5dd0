"""Shows boards as they appear: a spinner and colours on a terminal, plain lines elsewhere, or data for --json."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.text import Text

from edgedeploy.core.names import printable
from edgedeploy.discover.sighting import Sighting
from edgedeploy.ui.rich_report import colours


def as_data(sighting: Sighting) -> dict[str, Any]:
    """One board as --json prints it."""
    return {
        "id": sighting.board_id,
        "name": sighting.name,
        "profile": sighting.profile,
        "agent": sighting.agent or None,
        "addresses": list(sighting.addresses),
        "port": sighting.port,
        "apps": dict(sighting.apps),
        "more_apps": sighting.more,
        "forwards": dict(sighting.forwards),
        "interface": sighting.seen_on,
        "conflict": sighting.conflict,
    }


def where(sighting: Sighting) -> str:
    """The best address, with the port where it is not SSH's own."""
    address = sighting.addresses[0]
    if sighting.port == 22:
        return address
    return f"[{address}]:{sighting.port}" if ":" in address else f"{address}:{sighting.port}"


def serves(sighting: Sighting) -> str:
    """What runs: `decks: 2026-11-23-1, web: nothing`."""
    apps = [f"{app}: {release or 'nothing'}" for app, release in sighting.apps.items()]
    apps += [f"{sighting.more} more"] if sighting.more else []
    return ", ".join(apps) or "no apps"


class Listing:
    """A context manager around the search; `seen` and `gone` print a line each, `ignored` only when `verbose`."""

    def __init__(self, out: TextIO, *, spin: bool = True, verbose: bool = False) -> None:
        self._console = Console(file=out, highlight=False, color_system=colours())
        # a record a line for programs; for a person no word is cut by the edge of the terminal
        self._console.soft_wrap = not self._console.is_terminal
        self._verbose = verbose
        self._spin = spin and self._console.is_terminal
        self._stack = ExitStack()
        self._shown: dict[tuple[str, str], tuple[object, ...]] = {}

    def __enter__(self) -> Self:
        if self._spin:
            self._stack.enter_context(self._console.status("looking for boards", spinner="line"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def seen(self, sighting: Sighting) -> None:
        """A board appeared, or says something new. A further address alone is not worth a line."""
        key = (sighting.board_id, sighting.name)
        news = (sighting.profile, sighting.agent, dict(sighting.apps), sighting.port, sighting.conflict)
        if self._shown.get(key) == news:
            return
        self._shown[key] = news
        line = Text.assemble(
            (f"{sighting.name:<12}", "bold"),
            f"  {sighting.profile:<13}  {where(sighting):<15}  ",
            (serves(sighting), "green") if sighting.agent else f"no agent yet: edgedeploy enrol {where(sighting)}",
            (f"  agent {sighting.agent}" if sighting.agent and self._verbose else "", "dim"),
        )
        if sighting.conflict:
            line.append(f"  another board has the same id {sighting.board_id}", "bold red")
        self._console.print(line)

    def gone(self, sighting: Sighting) -> None:
        """A board said goodbye."""
        self._shown.pop((sighting.board_id, sighting.name), None)
        self._console.print(Text(f"{sighting.name:<16}  left the network", "dim"))

    def ignored(self, name: str, reason: str) -> None:
        """Somebody announces nonsense under our name."""
        if self._verbose:
            self._console.print(Text(printable(f"{name:<16}  ignored: {reason}", 300), "yellow"))
