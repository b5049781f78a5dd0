"""Hosts and users from outside cannot become options or shell words of ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.ssh.config import SshTarget, resolve


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


def test_proxy_commands(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host one\n ProxyJump me@jump:2200\nHost two\n ProxyJump a,b\nHost three\n ProxyCommand nc %h %p 100%%\n"
    )
    ssh = f"ssh -F {config}"
    assert resolve(SshTarget("one"), config).proxy_command == f"{ssh} -W '[one]:22' -- ssh://me@jump:2200"
    assert resolve(SshTarget("two"), config).proxy_command == f"{ssh} -J a -W '[two]:22' -- ssh://b"
    assert resolve(SshTarget("three", 23), config).proxy_command == "nc three 23 100%"
    assert resolve(SshTarget("four"), config).proxy_command is None


def test_without_an_ssh_client_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = resolve(SshTarget("cubie", user="root"))
    assert (found.hosts, found.port, found.user, found.proxy_command) == (("cubie",), 22, "root", None)
