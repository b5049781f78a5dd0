"""The password for a board's serial console: from the environment, the keyring, or the person at the terminal.

Never logged, shown, or kept anywhere but in the keyring, and there only when the person says so.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

VARIABLE = "EDGEDEPLOY_CONSOLE_PASSWORD"
SERVICE = "edgedeploy"
PATIENCE_S = 20.0
"""seconds that a keyring gets: as long as a person needs to unlock it in the window that it opens"""
T = TypeVar("T")
TRIES = 3
"""times that a person may mistype"""


class Keyring:
    """The desktop's keyring. Whatever is wrong with it, there is then no password in it."""

    def get(self, account: str) -> str | None:
        """The password that is kept, None where there is none."""

        def get() -> str | None:
            import keyring  # noqa: PLC0415 - 60 ms, and only the cable needs it

            return keyring.get_password(SERVICE, account)

        return _within(PATIENCE_S, get)

    def keeps(self) -> bool:
        """Whether there is a keyring that would keep a password."""

        def keeps() -> bool:
            import keyring  # noqa: PLC0415 - as above
            from keyring.backends import fail  # noqa: PLC0415 - as above

            backend = keyring.get_keyring()
            return backend.priority > 0 and not isinstance(backend, fail.Keyring)

        return bool(_within(PATIENCE_S, keeps))

    def keep(self, account: str, password: str) -> bool:
        """Keep a password; False when the keyring would not."""

        def keep() -> bool:
            import keyring  # noqa: PLC0415 - as above

            keyring.set_password(SERVICE, account, password)
            return True

        return bool(_within(PATIENCE_S, keep))


def _within(seconds: float, act: Callable[[], T]) -> T | None:
    """What `act` returns; None where it fails or takes longer: a locked keyring asks a desktop that nobody may look at."""
    found: list[T] = []

    def run() -> None:
        with contextlib.suppress(Exception):  # a locked, broken or missing keyring: every backend has errors of its own
            found.append(act())

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


class _From(Enum):
    NOWHERE = auto()
    ENVIRONMENT = auto()
    KEYRING = auto()
    PERSON = auto()


class ConsolePassword:
    """One board's password while its console is being opened."""

    def __init__(
        self,
        prompt: Callable[[str], str | None],
        confirm: Callable[[str], bool],
        tell: Callable[[str], None],
        keyring: Keyring | None = None,
    ) -> None:
        """`prompt` asks without echo, `confirm` asks yes or no; None and False where there is no terminal."""
        self._prompt, self._confirm, self._tell = prompt, confirm, tell
        self._keyring = keyring or Keyring()
        self._board_id = ""
        self._origin = _From.NOWHERE
        self._user = "root"
        self._password: str | None = None
        self._typed = 0
        self._stale = False

    def about(self, board_id: str) -> None:
        """Say which board it is, where that is known before the log-in: its password may be in the keyring."""
        self._board_id = board_id

    def ask(self, user: str) -> str | None:
        """The password of `user`, None when nobody has one. The one that worked is given again without asking."""
        self._user = user
        if self._password is None:
            self._password, self._origin = self._find(user)
        return self._password

    def refused(self) -> bool:
        """The console said no. Whether it is worth asking for another."""
        origin, self._password, self._origin = self._origin, None, _From.NOWHERE
        if origin is _From.KEYRING:
            self._stale = True
            self._tell(f"the password in the keyring for {self._account} is not the board's any more")
            return True
        if origin is _From.PERSON and self._typed < TRIES:
            left = TRIES - self._typed
            self._tell(f"the board refuses that password; {left} {'tries' if left > 1 else 'try'} left")
            return True
        if origin is _From.ENVIRONMENT:
            self._tell(f"{VARIABLE} is not {self._user}'s password on this board")
        return False

    def worked(self, board_id: str) -> None:
        """The console let us in. Offers, once, to keep what was typed."""
        self._board_id = board_id
        if self._origin is not _From.PERSON:
            return
        self._origin = _From.NOWHERE
        if not self._keyring.keeps():
            self._tell(f"there is no keyring here to keep it in; {VARIABLE} spares you the question the next time")
            return
        if self._confirm(f"Keep the console password of {self._account} in the keyring?"):
            assert self._password is not None
            if not self._keyring.keep(self._account, self._password):
                self._tell("the keyring did not take it")

    @property
    def _account(self) -> str:
        return f"{self._user}@{self._board_id}"

    def _find(self, user: str) -> tuple[str | None, _From]:
        given = os.environ.get(VARIABLE)
        if given:
            return given, _From.ENVIRONMENT
        if self._board_id and not self._stale:
            kept = self._keyring.get(self._account)
            if kept:
                return kept, _From.KEYRING
        typed = self._prompt(f"password of {user} on the board's console: ")
        self._typed += 1
        return typed, _From.PERSON if typed is not None else _From.NOWHERE
