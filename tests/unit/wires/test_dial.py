"""Connecting on the loopback: one dead name or address costs nobody else anything."""

from __future__ import annotations

import select
import selectors
import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from edgedeploy.core import deadline, errors
from edgedeploy.wires import dial as dialing
from edgedeploy.wires.dial import dial
from tests.guard import USUAL_S, until


@pytest.fixture
def port() -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """A clock that goes on only while dial waits for a connection; addresses are resolved at once."""
    passed = [1000.0]

    class Selector(selectors.DefaultSelector):
        def select(self, timeout: float | None = None) -> Any:
            found = super().select(0.02)  # the kernel's own turn: a connection on the loopback stands at once
            passed.append(0.0 if found else timeout or 0.0)
            return found

    class AtOnce(threading.Thread):
        def start(self) -> None:
            self.run()

    def clock() -> float:
        return sum(passed)

    monkeypatch.setattr(dialing, "selectors", SimpleNamespace(DefaultSelector=Selector, EVENT_WRITE=selectors.EVENT_WRITE))
    monkeypatch.setattr(dialing, "threading", SimpleNamespace(Thread=AtOnce))
    for module in (dialing, deadline):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    return clock


def test_a_hanging_name_server_does_not_hold_up_an_address(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, freed, told = socket.getaddrinfo, threading.Event(), []

    def hang(host: str, *rest: object, **named: object) -> object:
        if host == "cubie.local":
            told.append(freed.wait(USUAL_S))
        return real(host, *rest, **named)

    monkeypatch.setattr(dialing.socket, "getaddrinfo", hang)
    with dial(["cubie.local", "127.0.0.1"], port, USUAL_S) as found:
        assert found.getpeername() == ("127.0.0.1", port)
    with pytest.raises(errors.Unreachable, match="name server does not answer"):
        dial(["cubie.local"], port, 0.3)
    assert not told, "the name server hangs still"
    freed.set()


def test_a_silent_address_does_not_hold_up_the_next(now: Callable[[], float]) -> None:
    # a full backlog swallows connection requests: as silent as an address that is off
    with socket.socket() as silent, socket.create_server(("127.0.0.2", 0)) as good:
        port = good.getsockname()[1]
        silent.bind(("127.0.0.1", port))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        until(lambda: select.select([], fillers, [], 0)[1], "the backlog is full")
        started = now()
        with dial(["127.0.0.1", "127.0.0.2"], port, 5) as found:
            assert found.getpeername()[0] == "127.0.0.2"
        assert now() - started < dialing.STAGGER + 4 * dialing.TICK
        started = now()
        with pytest.raises(errors.Unreachable, match=r"no answer within 0.5 s"):
            dial(["127.0.0.1"], port, 0.5)
        assert now() - started == pytest.approx(0.5)
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1", "nothing listens there"),
        ("nosuch.invalid", "the name is not known"),
        ("nosuch.local", "the name is not known here"),
        ("fe80::1", "needs its interface"),
        ("fe80::1%nosuch0", "no such network interface"),
    ],
)
def test_plain_words(host: str, told: str) -> None:
    with pytest.raises(errors.Unreachable) as fault:
        dial([host], 1, 3)
    assert told in fault.value.message
    assert fault.value.hint
    assert fault.value.details


def test_different_problems_are_listed_each() -> None:
    with pytest.raises(errors.Unreachable, match="none of its addresses") as fault:
        dial(["nosuch.invalid", "127.0.0.1"], 1, 3)
    assert len(fault.value.details) == 2
