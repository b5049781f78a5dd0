"""Hosts and users from outside cannot become options or shell words of ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.ssh.config import SshTarget, resolve
from edgedeploy.wires.ssh.proxy import Proxy


@pytest.mark.parametrize(
    ("host", "port", "user"),
    [("-oProxyCommand=x", None, None), ("a b", None, None), ("a;b", None, None), ("", None, None), ("$(x)", 22, None),
     ("a", 0, None), ("a", 65536, None), ("a", 22, "-x"), ("a", 22, "a b")],
)  # fmt: skip
def test_refused(host: str, port: int | None, user: str | None) -> None:
    with pytest.raises(errors.UsageFault):
        SshTarget(host, port, user)


def test_other_addresses_are_checked_too() -> None:
    with pytest.raises(errors.UsageFault):
        SshTarget("a", also=("-x",))


@pytest.mark.parametrize(
    ("target", "label"),
    [
        (SshTarget("cubie"), "ssh cubie"),
        (SshTarget("192.168.1.7", 2222, "root"), "ssh root@192.168.1.7:2222"),
        (SshTarget("fe80::1%eth0", 22), "ssh [fe80::1%eth0]:22"),
    ],
)
def test_label(target: SshTarget, label: str) -> None:
    assert target.label == label


def test_without_configuration(tmp_path: Path) -> None:
    config = tmp_path / "empty"
    config.touch()
    found = resolve(SshTarget("fe80::1%lo", user="root", also=("10.0.0.1",)), config)
    assert (found.hosts, found.port, found.user) == (("fe80::1%lo", "10.0.0.1"), 22, "root")
    assert found.known_as == "fe80::1%lo"
    assert resolve(SshTarget("h", 2222), config).known_as == "[h]:2222"


def test_what_is_between(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host one\n ProxyJump me@jump:2200\nHost two\n ProxyJump a,b\nHost three\n HostName 10.0.0.3\n ProxyCommand nc %h %n %p 100%%\n"
        "Host five\n ProxyJump [fe80::1%%lo]:24\nHost six\n ProxyJump gate-%n\nHost seven\n ProxyCommand -\nHost eight\n"
        " ProxyCommand a %T\nHost nine\n ProxyCommand a\n ProxyUseFdpass yes\n"
    )

    def between(host: str, port: int | None = None) -> str | None:
        found = resolve(SshTarget(host, port), config).proxy
        return found.command if found is not None else None

    ssh, on = f"-F {config} -W", "--"
    assert between("one") == f"ssh -l me -p 2200 {ssh} '[one]:22' {on} jump"
    assert between("two") == f"ssh -J a {ssh} '[two]:22' {on} b"
    assert between("three", 23) == "nc 10.0.0.3 three 23 100%", "%n is the name as it was typed"
    assert between("four") is None
    assert between("five") == f"ssh -p 24 {ssh} '[five]:22' {on} fe80::1%lo"
    assert between("six") == f"ssh {ssh} '[six]:22' {on} gate-six"
    assert resolve(SshTarget("nine"), config).proxy == Proxy("a", passes=True)
    for host, told in (("seven", "ProxyCommand is -"), ("eight", "%T means nothing")):
        with pytest.raises(errors.BadConfig, match=told):
            between(host)


def test_without_an_ssh_client_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = resolve(SshTarget("cubie", user="root"))
    assert (found.hosts, found.port, found.user, found.proxy) == (("cubie",), 22, "root", None)
