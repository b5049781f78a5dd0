"""The small use cases: what runs, what happened, go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgedeploy.core import errors, messages, names
from edgedeploy.flows import guestwords
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.flows.reach import reach

_ROLLBACK_S = 600.0


@dataclass(frozen=True, slots=True)
class BoardState:
    """One board's answer, or why there is none."""

    found: Found
    status: messages.BoardStatus | None
    error: errors.EdgeError | None = None


def status(wanted: Wanted, context: Context, app: names.AppName | None = None) -> BoardState:
    """Ask one board what runs on it, or what of `app` alone. Raises UsageFault when the board has no such app."""
    with reach(wanted, context) as reached, context.report.step(f"asking {reached.found.name}"):
        answer = reached.client.status()
    if app and app not in answer.apps:
        has = ", ".join(sorted(answer.apps)) or "none"
        raise errors.UsageFault(f"{reached.found.name} has no app {app} (it has: {has})", hint="edgedeploy status")
    apps = {name: state for name, state in answer.apps.items() if app in (None, name)}
    return BoardState(reached.found, messages.BoardStatus(answer.board, apps))


def log(wanted: Wanted, app: names.AppName, count: int, context: Context) -> tuple[Found, list[Any]]:
    """The last deployments of an app on one board, newest last."""
    with reach(wanted, context) as reached:
        return reached.found, reached.client.log(app, count)


def rollback(
    wanted: Wanted, app: names.AppName, release: names.ReleaseId | None, context: Context
) -> tuple[Found, messages.Outcome]:
    """Go back to `release` or to the previous one. Returns only when it is on air; raises RollbackFailed otherwise."""
    with reach(wanted, context) as reached, context.report.step(f"going back on {reached.found.name}") as step:
        outcome = reached.client.rollback(app, release, context.who, lambda event: step.detail(event.text), _ROLLBACK_S)
        step.detail("")  # what it did last is not what has become of it
    if outcome.verdict not in ("live", "already-live") or (release and outcome.running != release):
        lines, more = guestwords.split(outcome.console)
        kind = errors.RolledBack if outcome.verdict == "rolled-back" else errors.RollbackFailed
        raise kind(
            f"{outcome.release} did not come back ({names.printable(outcome.reason, 500)}); "
            f"the board serves {outcome.running or 'nothing'}",
            hint=f"edgedeploy log {app}",
            details=lines,
            more=more,
        )
    return reached.found, outcome
