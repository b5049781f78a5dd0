"""A command on a board whose login shell has its own mind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgedeploy.core import errors
from edgedeploy.flows import boardshell, enrol
from edgedeploy.ports.wire import Traits
from edgedeploy.wires.argv import quoted
from edgedeploy.wires.local import LocalStream, LocalWire


class LoginShell:
    """As sshd starts commands: handed to a shell, which does `before` first."""

    traits = Traits("root@demo")

    def __init__(self, before: str, shell: str = "bash") -> None:
        self._before, self._shell = before, shell

    def open(self, argv: Sequence[str]) -> LocalStream:
        line = quoted(argv).decode()
        assert "\n" not in line, "csh takes no line end in quotes"
        return LocalWire().open([self._shell, "-c", f"{self._before}\n{line}"])

    def close(self) -> None:
        """Nothing is open."""


NOISE = {
    "silent": "",
    "a line": "echo Welcome to demo",
    "no end of line": "printf 'Welcome to demo'",
    "no UTF-8": r"printf 'Gr\374\337e\377\0'",
    "at its end": "trap 'echo bye' EXIT",
    "to stderr": "echo 'setlocale: cannot change locale' >&2",
    "a screen": r"printf '\033[2J\033[1;1H\r\n'",
}


@pytest.mark.parametrize("before", NOISE.values(), ids=NOISE)
def test_what_the_shell_prints_is_no_part_of_the_answer(before: str) -> None:
    wire = LoginShell(before)
    assert boardshell.run(wire, ["printf", "%s", "one two"])[:2] == (0, "one two")
    assert boardshell.run(wire, ["cat"], b"\x00in\n")[:2] == (0, "\0in\n")
    assert boardshell.run(wire, ["true"])[:2] == (0, "")
    assert boardshell.run(wire, ["sh", "-c", "echo why >&2; exit 7"])[:2] == (7, "")
    assert enrol._probe(wire).hostname


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_status_of_what_is_not_there_is_the_shells(shell: str) -> None:
    assert boardshell.run(LoginShell("", shell), ["no-such-program-at-all"])[0] == 127


NEVER = {
    "an exit": ("echo 'no commands here'; exit 0", "no commands here", "start-up files"),
    "nologin": ("echo 'This account is currently not available.'; exit 1", "not available", "start-up files"),
    "a menu": ("echo '1) reboot 2) halt' >&2; exec cat", "1) reboot", "start-up files"),
    "a cloud image": (
        """echo 'Please login as the user "debian" rather than the user "root".'; exit 142""",
        "rather than",
        "edgedeploy enrol debian@HOST",
    ),
}


@pytest.mark.parametrize(("before", "words", "hint"), NEVER.values(), ids=NEVER)
def test_a_shell_that_runs_no_command_is_told_with_its_words(before: str, words: str, hint: str) -> None:
    with pytest.raises(errors.BadConfig, match="login shell of root@demo ran no command") as caught:
        boardshell.run(LoginShell(before), ["true"], b"x" * 5000)
    assert words in "\n".join(caught.value.details)
    assert hint in caught.value.hint


def test_a_shell_that_eats_the_input_is_no_full_disk() -> None:
    wire = LoginShell("cat > /dev/null")
    with pytest.raises(errors.BoardFault) as caught:
        enrol._run_setup(wire, {}, 0, lambda _: None, dry_run=True)
    assert not isinstance(caught.value, errors.NoRoom)
    assert "could not be written" in caught.value.message
    assert caught.value.details


@pytest.mark.parametrize(
    ("hostname", "name"),
    [("demo.local\n", "demo"), ("my_board", "my-board"), ("", "board"), ("\0\0", "board"), ("b\ufffdro", "b-ro"), ("x" * 90, "x" * 63)],
)
def test_any_host_name_makes_a_boards_name(hostname: str, name: str) -> None:
    assert enrol._name(hostname) == name
