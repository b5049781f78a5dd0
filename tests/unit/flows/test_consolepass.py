"""The console's password: where it comes from, in which order, and that it stays where it is."""

from __future__ import annotations

import sys
import threading

import pytest

from edgedeploy.flows import consolepass
from edgedeploy.flows.consolepass import TRIES, VARIABLE, ConsolePassword, Keyring
from tests.guard import USUAL_S, until
from tests.unit.flows.test_reach import Ring

ID = "0000000000000001"


class Person:
    """Types one password after the other, and says yes or no."""

    def __init__(self, *passwords: str | None, agrees: bool = False) -> None:
        self.passwords, self.agrees = list(passwords), agrees
        self.prompts: list[str] = []
        self.questions: list[str] = []
        self.told: list[str] = []

    def password(self, keyring: Keyring) -> ConsolePassword:
        def prompt(text: str) -> str | None:
            self.prompts.append(text)
            return self.passwords.pop(0)

        def confirm(text: str) -> bool:
            self.questions.append(text)
            return self.agrees

        made = ConsolePassword(prompt, confirm, self.told.append, keyring)
        made.about(ID)
        return made


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_environment_comes_first_and_is_not_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "from the environment")
    person = Person()
    password = person.password(Ring(**{f"root@{ID}": "kept"}))
    assert password.ask("root") == "from the environment"
    password.worked(ID)
    assert (person.prompts, person.questions) == ([], [])
    assert not password.refused(), "a script gets its answer, not a question"
    assert person.told == [f"{VARIABLE} is not root's password on this board"]


def test_the_keyring_is_asked_for_this_board_and_this_user() -> None:
    person = Person("typed")
    password = person.password(Ring(**{f"root@{ID}": "kept", "root@other": "no"}))
    assert password.ask("root") == "kept"
    assert password.ask("root") == "kept"
    password.worked(ID)
    assert (person.prompts, person.questions) == ([], [])
    assert Person("typed").password(Ring(**{f"root@{ID}": "kept"})).ask("admin") == "typed"


def test_a_stale_password_in_the_keyring_is_said_and_asked_for() -> None:
    ring, person = Ring(**{f"root@{ID}": "stale"}), Person("right", agrees=True)
    password = person.password(ring)
    assert password.ask("root") == "stale"
    assert password.refused()
    assert person.told == [f"the password in the keyring for root@{ID} is not the board's any more"]
    assert password.ask("root") == "right"
    password.worked(ID)
    assert ring.kept == {f"root@{ID}": "right"}
    assert password.ask("root") == "right", "coming back does not ask again"
    assert len(person.prompts) == 1


def test_it_is_kept_only_when_it_worked_and_the_person_agrees_and_asked_once() -> None:
    ring, person = Ring(), Person("typed")
    password = person.password(ring)
    assert password.ask("root") == "typed"
    assert ring.kept == {}
    password.worked(ID)
    password.worked(ID)
    assert person.questions == [f"Keep the console password of root@{ID} in the keyring?"]
    assert ring.kept == {}


def test_nothing_is_offered_where_no_keyring_would_keep_it() -> None:
    class Deaf(Ring):
        def keeps(self) -> bool:
            return False

    person = Person("typed", agrees=True)
    password = person.password(Deaf())
    password.ask("root")
    password.worked(ID)
    password.worked(ID)
    assert person.questions == []
    assert person.told == [f"there is no keyring here to keep it in; {VARIABLE} spares you the question the next time"]


def test_a_person_may_mistype_but_not_for_ever_and_nobody_is_nobody() -> None:
    person = Person(*["wrong"] * TRIES)
    password = person.password(Ring())
    tries = 0
    while password.ask("root") and password.refused():
        tries += 1
    assert (len(person.prompts), tries) == (TRIES, TRIES - 1)
    assert [words.rpartition("; ")[2] for words in person.told] == ["2 tries left", "1 try left"]
    nobody = Person(None).password(Ring())
    assert nobody.ask("root") is None
    assert not nobody.refused()


def test_what_is_told_and_asked_never_holds_the_password() -> None:
    person = Person("s3cret", "s3cret", agrees=True)
    password = person.password(Ring(**{f"root@{ID}": "s3cret"}))
    password.ask("root")
    password.refused()
    password.ask("root")
    password.refused()
    password.ask("root")
    password.worked(ID)
    assert "s3cret" not in repr([person.prompts, person.questions, person.told, password])


def test_a_keyring_that_is_broken_or_absent_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    def broken(*_: object) -> None:
        raise RuntimeError("no D-Bus here")

    for name in ("get_password", "set_password", "get_keyring"):
        monkeypatch.setattr(keyring, name, broken)
    ring = Keyring()
    assert (ring.get("a"), ring.keep("a", "b"), ring.keeps()) == (None, False, False)
    monkeypatch.setitem(sys.modules, "keyring", None)  # as if it were not installed
    assert (ring.get("a"), ring.keep("a", "b"), ring.keeps()) == (None, False, False)


def test_a_real_backend_keeps_and_the_failing_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.backends import fail

    class Memory(KeyringBackend):
        priority = 1.0  # type: ignore[assignment]  # a class property there
        kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

    ring, before = Keyring(), keyring.get_keyring()
    try:
        keyring.set_keyring(Memory())
        assert ring.keeps()
        assert ring.keep("root@x", "word")
        assert (ring.get("root@x"), Memory.kept) == ("word", {("edgedeploy", "root@x"): "word"})
        keyring.set_keyring(fail.Keyring())
        assert (ring.keeps(), ring.get("root@x")) == (False, None)
    finally:
        keyring.set_keyring(before)


def test_a_locked_keyring_that_waits_for_ever_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    released = threading.Event()
    asked, answered = [], []

    def locked(*_: str) -> None:
        asked.append(True)
        answered.append(released.wait(USUAL_S))

    monkeypatch.setattr(consolepass, "PATIENCE_S", 0.1)
    for name in ("get_password", "get_keyring", "set_password"):
        monkeypatch.setattr(keyring, name, locked)
    ring = Keyring()
    assert ring.get("root@b1") is None
    assert not ring.keeps()
    assert not ring.keep("root@b1", "secret")
    until(lambda: len(asked) == 3, "the keyring is asked")
    assert not answered, "it has not waited for the keyring's answers"
    released.set()
