"""Proves to the server who we are: keys of the agent, keys in files, at last a question to the user.

Nothing is asked while a key may still do. With an explicit key file (the push key, which may run nothing
but the agent) nothing else is tried: no agent, no other key, no question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.ssh.config import Endpoint
from edgedeploy.wires.trust import HostKey

Ask = Callable[[str], str | None]
ATTEMPTS = 3
"""how often a password is asked for, as ssh does"""
_KINDS = (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey)


def nobody(_prompt: str) -> str | None:
    """The `ask` of a program without a terminal: no answer."""
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What may be tried to get in."""

    key_file: Path | None = None
    """only this private key, which has no passphrase"""
    ask: Ask = nobody
    """show a prompt, return the secret; None when there is nobody to ask"""


def log_in(transport: paramiko.Transport, endpoint: Endpoint, credentials: Credentials) -> None:
    """Authenticate on a transport whose host key has been checked. Unreachable tells what was tried."""
    attempt = _Login(transport, endpoint, credentials)
    try:
        attempt.run()
    finally:
        attempt.close()


class _Login:
    def __init__(self, transport: paramiko.Transport, endpoint: Endpoint, credentials: Credentials) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._credentials = credentials
        self._agent: paramiko.Agent | None = None
        self._tried: list[str] = []
        self._offered: set[bytes] = set()
        self._unanswered = False

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()

    def run(self) -> None:
        methods = self._methods()
        if methods is None:
            return
        if "publickey" in methods:
            for name, key in self._keys():
                left = self._try_key(name, key)
                if left is not None:
                    methods = left
                    break
            if not methods:
                return
        if self._credentials.key_file is None and self._interactive(methods):
            return
        raise self._refused(methods)

    def _methods(self) -> set[str] | None:
        """What the server accepts; None when it lets us in as we are."""
        try:
            self._transport.auth_none(self._endpoint.user)
        except paramiko.BadAuthenticationType as answer:
            return set(answer.allowed_types)
        except paramiko.AuthenticationException as fault:
            raise self._hung_up() from fault
        return None

    def _keys(self) -> Iterator[tuple[str, paramiko.PKey]]:
        only = self._credentials.key_file
        if only is not None:
            yield str(only), self._load(only, None)
            return
        files = self._endpoint.identities
        public = {key.blob for key in map(_public_half, files) if key is not None}
        for agent_key in self._agent_keys(public):
            yield f"agent: {printable(agent_key.comment, 60)}", agent_key
        locked = []
        for path in files:
            try:
                yield str(path), self._load(path, None)
            except paramiko.PasswordRequiredException:
                locked.append(path)
            except errors.Unreachable:
                self._tried.append(f"{path} (cannot be read)")
        for path in locked:
            unlocked = self._unlock(path)
            if unlocked is not None:
                yield str(path), unlocked

    def _agent_keys(self, wanted: set[bytes]) -> list[paramiko.AgentKey]:
        try:
            self._agent = paramiko.Agent()
            keys = list(self._agent.get_keys())
        except (paramiko.SSHException, OSError):
            return []  # a dead agent is no agent
        if self._endpoint.identities_only:
            return [key for key in keys if key.asbytes() in wanted]
        return sorted(keys, key=lambda key: key.asbytes() not in wanted)

    def _load(self, path: Path, passphrase: str | None) -> paramiko.PKey:
        """Raises PasswordRequiredException for a locked key, Unreachable for what is no key."""
        fault: Exception | None = None
        for kind in _KINDS:
            try:
                key = kind.from_private_key_file(str(path), passphrase)
                certificate = Path(f"{path}-cert.pub")
                if certificate.is_file():
                    key.load_certificate(str(certificate))
            except paramiko.PasswordRequiredException:
                raise
            except (paramiko.SSHException, OSError, ValueError) as reason:
                fault = reason
            else:
                return key
        raise errors.Unreachable(
            f"{path} is not a private key that can be used: {printable(str(fault), 120)}",
            hint="make one with: ssh-keygen -t ed25519",
        )

    def _unlock(self, path: Path) -> paramiko.PKey | None:
        public = _public_half(path)
        if public is not None and public.blob in self._offered:
            return None  # the agent had it, and the server did not want it
        for _ in range(ATTEMPTS):
            passphrase = self._credentials.ask(f"Passphrase for {path}: ")
            if not passphrase:
                break
            try:
                return self._load(path, passphrase)
            except (errors.Unreachable, paramiko.PasswordRequiredException):
                continue
        self._tried.append(f"{path} (locked)")
        return None

    def _try_key(self, name: str, key: paramiko.PKey) -> set[str] | None:
        """Methods still wanted after this key: empty, we are in; None, the key was refused."""
        if key.asbytes() in self._offered:
            return None
        self._offered.add(key.asbytes())
        self._tried.append(name)
        try:
            return set(self._transport.auth_publickey(self._endpoint.user, key))
        except paramiko.AuthenticationException:
            pass
        except paramiko.SSHException as fault:  # this key's algorithm cannot be used here
            self._tried[-1] += f" ({printable(str(fault), 80)})"
        if not self._transport.is_active():
            raise self._hung_up()
        return None

    def _interactive(self, methods: set[str]) -> bool:
        user, ask = self._endpoint.user, self._credentials.ask
        for _ in range(ATTEMPTS if methods & {"password", "keyboard-interactive"} else 0):
            try:
                if "password" in methods:
                    secret = ask(f"Password for {user}@{self._endpoint.hosts[0]}: ")
                    if secret is None:
                        return False
                    left = self._transport.auth_password(user, secret, fallback=False)
                else:
                    left = self._transport.auth_interactive(user, self._answer)
                if not left:
                    return True
                methods = set(left)
            except paramiko.AuthenticationException:
                self._tried.append("password")
            if not self._transport.is_active():
                raise self._hung_up()
            if self._unanswered:
                return False
        return False

    def _answer(self, _title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        answers = [self._credentials.ask(printable(prompt, 200)) for prompt, _echo in prompts]
        # runs in paramiko's thread, where an exception would end the connection: say nothing instead
        self._unanswered = any(answer is None for answer in answers)
        return [answer or "" for answer in answers]

    def _hung_up(self) -> errors.Unreachable:
        return errors.Unreachable(
            f"{self._endpoint.hosts[0]} hung up while we logged in as {self._endpoint.user}",
            hint="with many keys in the agent, name one in ~/.ssh/config (IdentityFile, IdentitiesOnly yes)",
            details=tuple(f"tried {name}" for name in self._tried),
        )

    def _refused(self, methods: set[str]) -> errors.Unreachable:
        key = self._credentials.key_file
        who = f"{self._endpoint.user}@{self._endpoint.hosts[0]}"
        hint = (
            "enrol the board again: edgedeploy enrol"
            if key
            else f"put your key on the board: ssh-copy-id {who}"
        )
        refusal = errors.Unreachable(
            f"{who} refused every way to log in (it takes {', '.join(sorted(methods)) or 'none'})",
            hint=hint,
            details=tuple(f"tried {name}" for name in self._tried) or ("there was no key to try",),
        )
        refusal.answered = True
        return refusal


def _public_half(path: Path) -> HostKey | None:
    try:
        return HostKey.parse(Path(f"{path}.pub").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
