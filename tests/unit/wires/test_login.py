"""Passwords and questions: an SSH server of our own, since no test may set a real account's password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from edgedeploy.core import errors
from edgedeploy.wires.ssh import Credentials, SshTarget, SshWire
from edgedeploy.wires.trust import Exact, HostKey
from tests.guard import USUAL_S

SECRET = "open sesame"


class Door(paramiko.ServerInterface):
    """Lets in who knows the password; `methods` says how it may be told."""

    def __init__(self, methods: str) -> None:
        self._methods = methods

    def get_allowed_auths(self, username: str) -> str:
        return self._methods

    def check_auth_none(self, username: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if self._methods == "none" else paramiko.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        good = password == SECRET and "password" in self._methods
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> paramiko.InteractiveQuery:
        query = paramiko.InteractiveQuery("", "")
        query.add_prompt("Code\x1b[2J: ", False)
        return query

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return paramiko.AUTH_SUCCESSFUL if responses == [SECRET] else paramiko.AUTH_FAILED


class House:
    def __init__(self, methods: str) -> None:
        self._key = paramiko.ECDSAKey.generate()
        self._methods = methods
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._open: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        visitor, _ = self._socket.accept()
        transport = paramiko.Transport(visitor)
        transport.add_server_key(self._key)
        self._open.append(transport)
        transport.start_server(event=threading.Event(), server=Door(self._methods))

    def visit(self, config: Path, credentials: Credentials) -> SshWire:
        trust = Exact((HostKey(self._key.get_name(), self._key.asbytes()),))
        target = SshTarget("127.0.0.1", self._socket.getsockname()[1], "root")
        return SshWire(target, trust, credentials, config_file=config)

    def close(self) -> None:
        self._thread.join()
        for transport in self._open:
            transport.close()
            transport.join(USUAL_S)
        self._socket.close()


@pytest.fixture
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    built = House(request.param)
    yield built
    built.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """No key, no agent."""
    path = tmp_path / "config"
    path.write_text(f"Host *\n IdentityFile {tmp_path}/none\n IdentitiesOnly yes\n")
    return path


@pytest.mark.parametrize(
    ("house", "prompt"),
    [("publickey,password", "Password for root@127.0.0.1: "), ("keyboard-interactive", "Code\\x1b[2J: ")],
    indirect=["house"],
)
def test_the_second_answer_is_right(house: House, config: Path, prompt: str) -> None:
    answers, prompts = iter(["wrong", SECRET]), []

    def ask(text: str) -> str:
        prompts.append(text)
        return next(answers)

    with house.visit(config, Credentials(ask=ask)) as wire:
        wire.connect()
        assert wire.host_key.kind.startswith("ecdsa")
    assert prompts == [prompt] * 2


@pytest.mark.parametrize("house", ["password", "keyboard-interactive"], indirect=True)
def test_nobody_to_ask(house: House, config: Path) -> None:
    with house.visit(config, Credentials()) as wire, pytest.raises(errors.Unreachable, match="refused every way"):
        wire.connect()


@pytest.mark.parametrize("house", ["none"], indirect=True)
def test_an_open_door_asks_nothing(house: House, config: Path) -> None:
    with house.visit(config, Credentials()) as wire:
        wire.connect()
