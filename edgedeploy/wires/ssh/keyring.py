"""The keys that a login may try, and their signatures: the agent's and the files' hands in one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from edgedeploy.core.names import printable
from edgedeploy.wires.certificate import SUFFIX
from edgedeploy.wires.ssh import keyfile
from edgedeploy.wires.ssh.agent import Agent, AgentKey, socket_of
from edgedeploy.wires.ssh.asked import Settings
from edgedeploy.wires.ssh.identities import Identity, named, ordered, signer

Ask = Callable[[str], str | None]


class Keyring:
    """Every key of the user's for one host. A passphrase is asked for at most once for each file."""

    def __init__(self, settings: Settings, only: Path | None, ask: Ask) -> None:
        """`only`: this file alone, or the agent's key of that name."""
        self._ask = ask
        self._prompts = settings.number("numberofpasswordprompts", 3)
        self._private: dict[str, keyfile.Private] = {}
        self._given_up: set[str] = set()
        self._agent, held = _agent(settings)
        files = named(settings, str(only) if only is not None else None, lambda path: Path(path).is_file())
        self._everyone = ordered(
            files, held, only_named=only is not None or settings.yes("identitiesonly", default=False)
        )
        self.notes: dict[str, str] = {}
        """of a key, by its name: why it could not be used"""

    def close(self) -> None:
        """Idempotent."""
        if self._agent is not None:
            self._agent.close()

    def identities(self) -> list[Identity]:
        """In the order to try them; at last those in files that must be unlocked before they can be offered at all."""
        known: list[Identity] = []
        locked: list[Identity] = []
        for each in self._everyone:
            told = each if each.key is not None else self._opened(each)
            known += [told] if told is not None else []
            locked += [each] if told is None else []
        return known + [each for each in locked if each.name not in self.notes]

    def unlocked(self, identity: Identity) -> Identity | None:
        """A key whose file says nothing of itself without its passphrase; None where nobody knows that."""
        key = self._load(identity)
        return (
            None if key is None else Identity(identity.name, keyfile.half_of(key), keyfile.half_of(key), identity.path)
        )

    def sign(self, identity: Identity, data: bytes, algorithm: str) -> bytes | None:
        """None where there is no private half, or no passphrase for it; `notes` says why."""
        hand, base = signer(identity, self._everyone), algorithm.removesuffix(SUFFIX)
        if base.startswith("sk-"):
            base += "@openssh.com" * (not base.endswith("@openssh.com"))
        if hand.held and self._agent is not None and hand.key is not None:
            try:
                return self._agent.sign(hand.key.blob, data, base)
            except OSError as fault:
                self.notes[identity.name] = f"its agent did not sign: {printable(str(fault), 80)}"
                return None
        key = self._load(hand, identity.name)
        if key is None:
            return None
        if keyfile.half_of(key) != identity.plain:
            self.notes[identity.name] = "its public half is another key's"
            return None
        return keyfile.sign(key, data, base)

    def _opened(self, identity: Identity) -> Identity | None:
        try:
            key = self._private[identity.path] = keyfile.load(identity.path)
        except keyfile.Locked:
            return None
        except keyfile.NoKey as fault:
            self.notes[identity.name] = str(fault)
            return None
        return Identity(identity.name, keyfile.half_of(key), keyfile.half_of(key), identity.path)

    def _load(self, identity: Identity, name: str = "") -> keyfile.Private | None:
        name, path = name or identity.name, identity.path
        if path in self._private:
            return self._private[path]
        with contextlib.suppress(keyfile.Locked):
            try:
                self._private[path] = keyfile.load(path)
            except keyfile.NoKey as fault:
                token = identity.plain is not None and identity.plain.kind.startswith("sk-")
                self.notes[name] = (
                    "on a token: add it to your agent, ssh-add" if token else _only_public(identity, fault)
                )
        if path not in self._private and name not in self.notes:
            self._unlock(path, name)
        return self._private.get(path)

    def _unlock(self, path: str, name: str) -> None:
        for _ in range(0 if path in self._given_up else self._prompts):
            passphrase = self._ask(f"Passphrase for {path}: ")
            if not passphrase:
                break
            with contextlib.suppress(keyfile.Locked, keyfile.NoKey):
                self._private[path] = keyfile.load(path, passphrase)
                return
        self._given_up.add(path)
        self.notes[name] = "locked"


def _only_public(identity: Identity, fault: keyfile.NoKey) -> str:
    if identity.key is None:
        return str(fault)
    return "only its public half is here, and no agent has the other"


def _agent(settings: Settings) -> tuple[Agent | None, list[AgentKey]]:
    path = socket_of(settings)
    if not path:
        return None, []
    try:
        agent = Agent(path)
    except OSError:
        return None, []  # a dead agent is no agent
    try:
        return agent, agent.keys()
    except OSError:
        agent.close()
        return None, []
