"""Which keys are tried, in which order and by whose hand: as ssh does it (pubkey_prepare in its sshconnect2.c).

The public halves are enough to know that: the agent's that the configuration names, the agent's others, those in files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgedeploy.wires.certificate import SUFFIX, Certificate
from edgedeploy.wires.ssh.agent import AgentKey
from edgedeploy.wires.ssh.asked import Settings
from edgedeploy.wires.ssh.keyfile import public_half
from edgedeploy.wires.trust import HostKey

_DEFAULT = tuple(f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk"))
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


@dataclass(frozen=True, slots=True)
class Identity:
    """One key to offer. `key` is a public key or a certificate, None where only the private key can tell."""

    name: str
    key: HostKey | None
    plain: HostKey | None
    """the key that signs: `key`, or what the certificate speaks of"""
    path: str = ""
    """the file that may have the private half"""
    held: bool = False
    """whether the agent can sign with `key`"""


def named(settings: Settings, only: str | None, exists: Callable[[str], bool]) -> list[Identity]:
    """What the configuration names, in its order: files, the certificates beside them, other certificates.

    `only`: this file in place of all others.
    """
    files = (only,) if only is not None else settings.all("identityfile") or _DEFAULT
    extra = [settings.expanded(text) for text in settings.all("certificatefile")]
    found = []
    for text in files:
        path = text if only is not None else settings.expanded(text)
        if not path or path.lower() == "none":
            continue
        key = public_half(path)
        if key is not None or exists(path):
            found.append(_identity(path, key, path))
        beside = None if extra else public_half(f"{path}-cert")
        if beside is not None and _of_a_user(beside):
            found.append(_identity(f"{path}-cert.pub", beside, path))
    for path in extra:
        key = public_half(path) if path else None
        if path and key is not None and _of_a_user(key):
            found.append(_identity(path, key, path))
    return [each for each in found if each.key is None or not each.key.kind.endswith(SUFFIX) or each.plain is not None]


def ordered(files: Sequence[Identity], agent: Sequence[AgentKey], *, only_named: bool) -> list[Identity]:
    """Those to try, in order. `only_named`: IdentitiesOnly."""
    left, first, others = list(files), [], []
    for held in agent:
        match = next((each for each in left if each.key is not None and each.key.blob == held.blob), None)
        name = f"agent: {held.comment}"
        if match is not None:
            left.remove(match)
            first.append(replace(match, name=name, held=True))
        elif not only_named:
            others.append(replace(_identity(name, _parsed(held.blob), ""), held=True))
    return [*first, *others, *left]


def signer(identity: Identity, everyone: Sequence[Identity]) -> Identity:
    """Whose private half signs for it: a certificate may lie in one place, and its key in another."""
    if identity.held or identity.key == identity.plain:
        return identity
    same = [each for each in everyone if each.plain == identity.plain and each.key == each.plain]
    return next((each for each in same if each.held), same[0] if same else identity)


def algorithm(kind: str, allowed: Sequence[str] | None, server: Sequence[str]) -> str | None:
    """What to sign with: `allowed` by PubkeyAcceptedAlgorithms, and by `server` where it says so; None: nothing is."""
    suffix = SUFFIX if kind.endswith(SUFFIX) else ""
    if kind.removesuffix(SUFFIX) != "ssh-rsa":
        return kind if allowed is None or kind in allowed else None
    mine = [f"{name}{suffix}" for name in _RSA]
    mine = mine if allowed is None else [name for name in mine if name in allowed]
    if server:
        mine = [name for name in mine if name in server or name.removesuffix(SUFFIX) in server]
    # a server that says nothing of SHA-2 may be older than it: who allows SHA-1 means such a one
    old = [kind] if allowed is not None and kind in allowed and (not server or kind in server) else []
    order = old + mine if not server else mine + old
    return order[0] if order else None


def _identity(name: str, key: HostKey | None, path: str) -> Identity:
    plain = key
    if key is not None and key.kind.endswith(SUFFIX):
        try:
            plain = Certificate.parse(key.blob).key
        except ValueError:
            plain = None
    return Identity(name, key, plain, path)


def _of_a_user(key: HostKey) -> bool:
    try:
        return not Certificate.parse(key.blob).for_hosts
    except ValueError:
        return False


def _parsed(blob: bytes) -> HostKey:
    return HostKey(blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace"), blob)
