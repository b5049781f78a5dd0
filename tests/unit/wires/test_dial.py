"""Connecting on the loopback: one dead name or address costs nobody else anything."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from edgedeploy.core import errors
from edgedeploy.wires import dial as dialing
from edgedeploy.wires.dial import dial


@pytest.fixture
def port() -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_hanging_name_server_does_not_hold_up_an_address(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, freed = socket.getaddrinfo, threading.Event()

    def hang(host: str, *rest: object, **named: object) -> object:
        if host == "cubie.local":
            freed.wait(10)
        return real(host, *rest, **named)

    monkeypatch.setattr(dialing.socket, "getaddrinfo", hang)
    started = time.monotonic()
    with dial(["cubie.local", "127.0.0.1"], port, 5) as found:
        assert found.getpeername() == ("127.0.0.1", port)
    assert time.monotonic() - started < 1
    with pytest.raises(errors.Unreachable, match="name server does not answer"):
        dial(["cubie.local"], port, 0.3)
    freed.set()


def test_a_silent_address_does_not_hold_up_the_next() -> None:
    # a full backlog swallows connection requests: as silent as an address that is off
    with socket.socket() as silent, socket.create_server(("127.0.0.2", 0)) as good:
        port = good.getsockname()[1]
        silent.bind(("127.0.0.1", port))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        started = time.monotonic()
        with dial(["127.0.0.1", "127.0.0.2"], port, 5) as found:
            assert found.getpeername()[0] == "127.0.0.2"
        assert time.monotonic() - started < 2
        with pytest.raises(errors.Unreachable, match=r"no answer within 0.5 s"):
            dial(["127.0.0.1"], port, 0.5)
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
