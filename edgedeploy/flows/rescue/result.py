"""What a recovery came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedeploy.core import errors
from edgedeploy.flows.rescue import verify
from edgedeploy.flows.rescue.finding import Finding
from edgedeploy.flows.rescue.mends import Mend

Outcome = Literal["helped", "no help", "failed", "declined", "would"]
Verdict = Literal["reachable", "unreachable", "ailing", "not enrolled"]
_EXITS = {
    "reachable": 0, "unreachable": errors.Unreachable.exit_code,
    "ailing": errors.BoardFault.exit_code, "not enrolled": errors.BoardFault.exit_code,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """A mend and what became of it."""

    mend: Mend
    outcome: Outcome
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a recovery. `findings`: what is still so; `first`: what was found at first."""

    who: str
    name: str
    board_id: str
    enrolled: bool
    app: str
    """an app of the board, for the command to type next"""
    first: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    tried: tuple[Tried, ...]
    verdict: Verdict
    reached: verify.Reached
    cut: bool
    """the board itself said at first that its network, or what answers there, does not work"""
    on_air: tuple[str, ...]
    dry_run: bool

    @property
    def exit_code(self) -> int:
        """0 only for a board that has proven itself over the network."""
        return _EXITS[self.verdict]
