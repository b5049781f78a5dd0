"""Waits of a person at a guest's console, over the serial cable: the agent as on a board, log lines on the line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.figures import Spread
from bench.waitcable import linked
from bench.waiting import Scene, Wait, took
from edgedeploy.remote.client import AgentClient
from tests.attached import until
from tests.contract.guest_board import DECKS, Guest, GuestBoard, echo

KEYS = 10


def _person(folder: Path) -> Sequence[float]:
    (folder / "serial").mkdir()
    guests = GuestBoard(folder)
    guest = Guest(guests.bin, 7, 1)
    with linked(folder / "serial", noise=1000) as (_, wire), AgentClient(wire, guests.command) as client:
        attached = ExitStack()
        line = attached.enter_context(client.attach(DECKS, "ada@laptop"))
        guest.says(b"login: ")
        until(line, b"login: ")
        echoes = [took(partial(echo, line, guest, b"key %d;" % n)) for n in range(KEYS)]
        left = took(attached.close)
    guest.ends()
    return [Spread.of(echoes).middle, left]


_AT = "somebody is at a guest's console"
SCENES = (
    Scene(
        (
            Wait("guest", f"{_AT}, over the cable", f"a word comes back (median of {KEYS})", 0.3),
            Wait("guest", f"{_AT}, over the cable", "it is left", 2.0),
        ),
        _person,
    ),
)
