"""Every error a person can meet, split by whose fault it is.

EdgeError
    UsageFault       the command or a file of the user's is wrong
    BoardFault       the board cannot, or will not
    WireFault        the way to the board failed
    Bug              ours

Each leaf owns its exit code, carries its data as attributes and ends in a hint that says what to type next.
docs/exit-codes.md is generated from these classes (`python -m edgedeploy.cli.exitcodes`).
"""

from __future__ import annotations


class EdgeError(Exception):
    """Root of the tree.

    `message` says what and why, `hint` what to do next (a line for each way there is), `details` are raw lines worth showing,
    and `more` are lines for whoever asks for all there is.
    """

    exit_code = 1
    meaning = "an error"

    def __init__(
        self, message: str, *, hint: str = "", details: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        self.more = more


class Bug(EdgeError):
    """We broke a promise of our own."""

    exit_code = 1
    meaning = "a bug in edgedeploy"


class UsageFault(EdgeError):
    """The command, or a file it names, is wrong."""

    exit_code = 2
    meaning = "wrong usage: the command, or a file or name it was given"


class BoardFault(EdgeError):
    """The board cannot do it, or refuses to; on its own: a command there failed, or a rescue did not do it; nothing was deployed."""

    exit_code = 47
    meaning = "a command on the board failed, or it stays unreachable after a rescue; nothing was deployed"


class WireFault(EdgeError):
    """The way to the board failed, on every wire that was tried."""

    exit_code = 11
    meaning = "the board is unreachable on every wire"


class NoSuchBoard(UsageFault):
    """No board of that name is known or was seen."""

    exit_code = 10
    meaning = "no such board was found"


class Unreachable(WireFault):
    """Every wire that was tried failed to connect."""

    answered = False
    """whether the board is there and has said no (to our key): another wire would hide that"""


class HostKeyChanged(WireFault):
    """The board's host key is not the pinned one."""

    exit_code = 12
    meaning = "the board's host key changed"


class DoesNotFit(UsageFault):
    """The artefact cannot run on the board; nothing was touched."""

    exit_code = 20
    meaning = "the artefact does not fit the board"


class BadConfig(UsageFault):
    """A board profile or a configuration file is wrong."""

    exit_code = 21
    meaning = "a bad board profile or configuration file"


class BadRepository(UsageFault):
    """The deployment repository, or something in it, is wrong."""

    exit_code = 22
    meaning = "a bad deployment repository"


class ProtocolMismatch(BoardFault):
    """The agent speaks another protocol version, or no protocol at all."""

    exit_code = 30
    meaning = "the agent speaks another protocol"


class RolledBack(BoardFault):
    """The release failed; the board serves the previous one."""

    exit_code = 40
    meaning = "rolled back: the board serves the previous release"


class RollbackFailed(BoardFault):
    """The release failed and so did going back."""

    exit_code = 41
    meaning = "roll-back failed: the board needs hands"


class OutcomeUnknown(WireFault):
    """Contact was lost after the swap may have begun."""

    exit_code = 42
    meaning = "contact was lost: the outcome is unknown"


class NoRoom(BoardFault):
    """Not enough disk or memory on the board; nothing was destroyed."""

    exit_code = 45
    meaning = "no space or memory on the board"


class Quarantined(BoardFault):
    """The release failed on this board before and is not tried again by itself."""

    exit_code = 46
    meaning = "the release is quarantined on the board"


class Interrupted(EdgeError):
    """Ctrl-C."""

    exit_code = 130
    meaning = "interrupted"


def leaves(root: type[EdgeError] = EdgeError) -> list[type[EdgeError]]:
    """Every class of the tree, root first, in definition order."""
    found: list[type[EdgeError]] = [root]
    for child in root.__subclasses__():
        found.extend(leaves(child))
    return found


def by_exit_code(code: int) -> type[EdgeError]:
    """The class that owns an exit code: how an error that crossed the wire finds its class again."""
    owners = [cls for cls in leaves() if cls.exit_code == code and cls is not EdgeError]
    return owners[0] if owners else Bug
