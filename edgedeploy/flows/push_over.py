"""Where the board has another history than the repository: who made it, and what `push --over` does about it.

| the board's commit | here | sent |
|---|---|---|
| is part of this branch | a push as ever | what comes after it |
| is not, or is not known here | refused; with `--over` it gives way | what comes after the last commit that both are known to have |
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from edgedeploy.core import errors
from edgedeploy.core.names import AppName, CommitId, printable
from edgedeploy.depot.repo import Depot
from edgedeploy.flows.conversation import Reached
from edgedeploy.ports import folders
from edgedeploy.remote import agentkit


@dataclass(frozen=True, slots=True)
class Basis:
    """What of this branch the board has. `over`: the commit of its own that gives way; `told`: what that means, in words."""

    have: Set[CommitId]
    over: str = ""
    told: tuple[str, ...] = ()


def basis(depot: Depot, app: AppName, reached: Reached, *, over: bool) -> Basis:
    """How a push goes on from what the board has; nothing is touched.

    Raises errors.BadRepository where it does not, or where a shallow clone has too little of the history, and
    errors.ProtocolMismatch for an agent that may not know how to let its commits give way.
    """
    there = reached.welcome.apps.get(app, {})
    if not (head := str(there.get("head") or "")):
        return Basis(frozenset())
    theirs = CommitId.parse(head)
    if depot.continues(theirs):
        return Basis({theirs})
    if not over:
        _refuse(depot, theirs, there, str(reached.found.name))
    have = depot.common(theirs)
    depot.check_continues(have)
    if reached.welcome.agent != agentkit.digest():
        raise errors.ProtocolMismatch(
            f"the agent on {reached.found.name} is not this edgedeploy's, and may not know `push --over`",
            hint=f"bring it up to date: edgedeploy enrol {reached.found.name}",
        )
    return Basis(have, theirs, tuple(_told(theirs, app, there, str(reached.found.name))))


def _refuse(depot: Depot, theirs: CommitId, there: Mapping[str, Any], board: str) -> None:
    try:
        depot.check_continues({theirs}, board)
    except errors.BadRepository as error:
        if depot.shallow:
            raise
        raise errors.BadRepository(
            error.message,
            hint=f"{error.hint}\nlast resort: edgedeploy push{folders.typed(depot.root)} --over --on {board}   "
            "(yours takes the place of the board's commits, which it keeps under a git ref)",
            details=(*error.details, _last(there)),
        ) from None


def _last(there: Mapping[str, Any]) -> str:
    """Who deployed there last, and what is on air."""
    last, release = there.get("last") or {}, str(there.get("release") or "")
    said = []
    if last.get("who") and isinstance(started := last.get("started"), int | float):
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(started))
        said.append(f"{printable(str(last['who']), 100)} deployed there last ({at})")
    said.append(f"{printable(release, 100)} is on air" if release else "nothing is on air")
    return " and ".join(said)


def _told(theirs: CommitId, app: AppName, there: Mapping[str, Any], board: str) -> list[str]:
    told = [f"{_last(there)}; the board's {app} (commit {theirs[:12]}) gives way to this repository's history, and is kept there"]
    if remote := str(there.get("remote") or ""):
        told.append(
            f"{board} also pulls {app} from {printable(remote, 200)}: its next pull may bring that remote's commits back on air, "
            "or refuse where the histories have diverged; push this history there, too"
        )
    return told
