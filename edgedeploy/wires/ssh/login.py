"""Proves to the server who we are, as the user's ssh does: with keys, then with answers.

With an explicit key file (the push key, which may run nothing but the agent) nothing else is tried: no agent, no other
key, no question.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import paramiko

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.wires.ssh import keyfile
from edgedeploy.wires.ssh.config import Endpoint
from edgedeploy.wires.ssh.identities import Identity, algorithm
from edgedeploy.wires.ssh.keyring import Ask, Keyring
from edgedeploy.wires.ssh.offer import offer

ANSWER_S = 120.0
"""seconds that a person has to answer a server's question; sshd gives no more for a login"""
_METHODS = ("publickey", "keyboard-interactive", "password")
_ENABLED = {
    "publickey": "pubkeyauthentication",
    "keyboard-interactive": "kbdinteractiveauthentication",
    "password": "passwordauthentication",
}
_NOT_DONE = {"gssapi-with-mic": "GSSAPIAuthentication", "hostbased": "HostbasedAuthentication"}


def nobody(_prompt: str) -> str | None:
    """The `ask` of a program without a terminal: no answer."""
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What may be tried to get in."""

    key_file: Path | None = None
    """only this private key, which has no passphrase: nothing of the user's"""
    key: keyfile.Private | None = None
    """as `key_file`, for one that is in no file"""
    ask: Ask = nobody
    """show a prompt, return the secret; None when there is nobody to ask"""
    identity: Path | None = None
    """of the user's keys only that in this file, or the agent's that it is the public half of"""


def log_in(
    transport: paramiko.Transport, endpoint: Endpoint, credentials: Credentials, *, secrets: bool = True
) -> None:
    """Authenticate on a transport whose host key has been checked. Unreachable tells what was tried.

    `secrets`: whether a password may be said to this server.
    """
    attempt = _Login(transport, endpoint, credentials, secrets=secrets)
    try:
        attempt.run()
    finally:
        attempt.close()


class _Login:
    def __init__(
        self, transport: paramiko.Transport, endpoint: Endpoint, credentials: Credentials, *, secrets: bool
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._credentials = credentials
        settings = self._settings = endpoint.settings
        self._ask = nobody if settings.yes("batchmode", default=False) else credentials.ask
        order = settings.names("preferredauthentications") or _METHODS
        self._order = [name for name in order if name in _METHODS and settings.yes(_ENABLED[name], default=True)]
        self._order = [name for name in self._order if secrets or name == "publickey"]
        self._keys: Keyring | None = None
        self._used: set[bytes] = set()
        self._tried: list[str] = []
        self._unanswered = False

    def close(self) -> None:
        if self._keys is not None:
            self._keys.close()

    def run(self) -> None:
        methods = self._methods()
        if methods is None:
            return
        if self._only_key:
            if "publickey" in methods and self._push_key():
                return
            raise self._refused(methods)
        exhausted: set[str] = set()
        while method := next((name for name in self._order if name in methods - exhausted), None):
            left = self._attempt(method)
            if left is None:
                exhausted.add(method)
            elif left:  # a server that wants more than one proof
                methods, exhausted = left, set()
            else:
                return
        raise self._refused(methods)

    @property
    def _only_key(self) -> bool:
        return self._credentials.key_file is not None or self._credentials.key is not None

    def _methods(self) -> set[str] | None:
        """What the server accepts; None when it lets us in as we are."""
        try:
            self._transport.auth_none(self._endpoint.user)
        except paramiko.BadAuthenticationType as answer:
            return set(answer.allowed_types)
        except paramiko.AuthenticationException as fault:
            raise self._hung_up() from fault
        return None

    def _attempt(self, method: str) -> set[str] | None:
        """Methods still wanted: empty, we are in; None, this one leads no further."""
        if method == "publickey":
            return self._publickey()
        self._transport.auth_timeout = ANSWER_S
        for _ in range(self._settings.number("numberofpasswordprompts", 3)):
            try:
                if method == "keyboard-interactive":
                    devices = self._settings.one("kbdinteractivedevices")
                    self._unanswered = False
                    return set(self._transport.auth_interactive(self._endpoint.user, self._answer, devices))
                secret = self._ask(f"Password for {self._endpoint.user}@{self._endpoint.hosts[0]}: ")
                if secret is None:
                    return None
                return set(self._transport.auth_password(self._endpoint.user, secret, fallback=False))
            except paramiko.AuthenticationException:
                self._tried.append(method)
            if not self._transport.is_active():
                raise self._hung_up()
            if self._unanswered:
                return None
        return None

    def _push_key(self) -> bool:
        """Our own key is signed with at once: the question before would be a round trip more of every push."""
        key, path = self._credentials.key, self._credentials.key_file
        try:
            key = key or keyfile.load(str(path))
        except (keyfile.Locked, keyfile.NoKey) as fault:
            raise errors.Unreachable(
                f"{path} is not a private key that can be used: {fault or 'it has a passphrase'}",
                hint="make one with: ssh-keygen -t ed25519",
            ) from None
        half = keyfile.half_of(key)
        name = algorithm(half.kind, None, _known_by(self._transport))
        self._tried.append(str(path or half.fingerprint))
        if name is None:
            return False
        try:
            return not offer(
                self._transport, self._endpoint.user, half, name, lambda data: keyfile.sign(key, data, name), ask=False
            )
        except paramiko.AuthenticationException:
            if not self._transport.is_active():
                raise self._hung_up() from None
            return False

    def _publickey(self) -> set[str] | None:
        if self._keys is None:
            self._keys = Keyring(self._settings, self._credentials.identity, self._ask)
        for identity in self._keys.identities():
            known = identity if identity.key is not None else self._keys.unlocked(identity)
            left = None if known is None else self._offer(known)
            if left is not None:
                return left
        for name, why in self._keys.notes.items():
            self._tried = [f"{each} ({why})" if each == name else each for each in self._tried]
            if not any(each.startswith(name) for each in self._tried):
                self._tried.append(f"{name} ({why})")
        return None

    def _offer(self, identity: Identity) -> set[str] | None:
        key, keys = identity.key, self._keys
        assert key is not None
        assert keys is not None
        if key.blob in self._used:
            return None
        name = algorithm(key.kind, self._settings.names("pubkeyacceptedalgorithms"), _known_by(self._transport))
        if name is None or (0 < _bits(identity) < self._settings.number("requiredrsasize", 0)):
            self._tried.append(f"{identity.name} (your ssh configuration, or the server, has no use for its kind)")
            return None
        self._tried.append(identity.name)
        try:
            left = offer(self._transport, self._endpoint.user, key, name, lambda data: keys.sign(identity, data, name))
        except paramiko.AuthenticationException:
            left = None
        except paramiko.SSHException as fault:
            left = None
            self._tried[-1] += f" ({printable(str(fault), 80)})"
        if left is None and not self._transport.is_active():
            raise self._hung_up()
        if left is not None:
            self._used.add(key.blob)
        return left

    def _answer(self, _title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        answers = [self._ask(printable(prompt, 200)) for prompt, _echo in prompts]
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
        key = self._only_key
        who = f"{self._endpoint.user}@{self._endpoint.hosts[0]}"
        port = "" if self._endpoint.port == 22 else f"-p {self._endpoint.port} "
        hint = "enrol the board again: edgedeploy enrol" if key else f"put your key on the board: ssh-copy-id {port}{who}"
        more = [
            option
            for name, option in _NOT_DONE.items()
            if name in methods and self._settings.yes(option.lower(), default=False)
        ]
        more += ["PKCS11Provider"] if self._settings.one("pkcs11provider") else []
        tried = (f"tried {name}" for name in self._tried)
        refusal = errors.Unreachable(
            f"{who} refused every way to log in (it takes {', '.join(sorted(methods)) or 'none'})",
            hint=hint,
            details=(*tried, *(f"not done here: {option} of your ssh configuration" for option in more))
            or ("there was no key to try",),
        )
        refusal.answered = True
        return refusal


def _known_by(transport: paramiko.Transport) -> tuple[str, ...]:
    """The algorithms of signatures that the server says it knows (RFC 8308); none where it says nothing."""
    said = getattr(transport, "server_extensions", {}).get("server-sig-algs", b"")
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
    return tuple(text.split(",")) if text else ()


def _bits(identity: Identity) -> int:
    """How long an RSA key is; 0 for other kinds."""
    return identity.plain.rsa_bits if identity.plain is not None and identity.plain.kind == "ssh-rsa" else 0
