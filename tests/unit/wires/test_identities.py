"""Which keys are tried, in which order, and how they sign."""

from __future__ import annotations

import pytest

from edgedeploy.wires.certificate import SUFFIX
from edgedeploy.wires.ssh.agent import AgentKey
from edgedeploy.wires.ssh.identities import Identity, algorithm, ordered, signer
from edgedeploy.wires.trust import HostKey


def key(fill: int, kind: str = "ssh-ed25519") -> HostKey:
    name = kind.encode()
    return HostKey(kind, len(name).to_bytes(4, "big") + name + bytes([fill]) * 36)


def in_file(fill: int) -> Identity:
    return Identity(f"file {fill}", key(fill), key(fill), f"/keys/{fill}")


def held(fill: int) -> AgentKey:
    return AgentKey(key(fill).blob, f"number {fill}")


def test_the_agents_named_keys_come_first_then_its_others_then_the_files() -> None:
    found = ordered([in_file(1), in_file(2)], [held(3), held(2)], only_named=False)
    assert [each.name for each in found] == ["agent: number 2", "agent: number 3", "file 1"]
    assert [each.held for each in found] == [True, True, False]
    named = ordered([in_file(1), in_file(2)], [held(3), held(2)], only_named=True)
    assert [each.name for each in named] == ["agent: number 2", "file 1"]


def test_a_certificate_is_signed_for_by_who_has_its_key() -> None:
    proof = Identity("proof", key(9, f"ssh-ed25519{SUFFIX}"), key(1), "/keys/proof")
    assert signer(proof, [proof]) is proof
    with_file = [proof, in_file(2), in_file(1)]
    assert signer(proof, with_file) is with_file[2]
    with_agent = ordered(with_file, [held(1)], only_named=True)
    assert signer(proof, with_agent).held


NEW = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", f"rsa-sha2-256{SUFFIX}")


@pytest.mark.parametrize(
    ("kind", "allowed", "server", "used"),
    [
        ("ssh-ed25519", None, (), "ssh-ed25519"),
        ("ssh-ed25519", ("rsa-sha2-512",), (), None),
        ("ssh-rsa", None, (), "rsa-sha2-512"),
        ("ssh-rsa", NEW, ("rsa-sha2-256",), "rsa-sha2-256"),
        ("ssh-rsa", NEW, ("ssh-ed25519",), None),
        (f"ssh-rsa{SUFFIX}", NEW, ("rsa-sha2-512", "rsa-sha2-256"), f"rsa-sha2-256{SUFFIX}"),
        ("ssh-rsa", (*NEW, "ssh-rsa"), (), "ssh-rsa"),
        ("ssh-rsa", (*NEW, "ssh-rsa"), ("rsa-sha2-256", "ssh-rsa"), "rsa-sha2-256"),
        ("ssh-rsa", NEW, ("ssh-rsa",), None),
    ],
)
def test_sha1_is_used_only_where_it_was_named(
    kind: str, allowed: tuple[str, ...] | None, server: tuple[str, ...], used: str | None
) -> None:
    assert algorithm(kind, allowed, server) == used
