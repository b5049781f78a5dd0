"""Take an app off a board: what a push has put there, and nothing of what is on this laptop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgedeploy.core import errors, names
from edgedeploy.core.names import printable
from edgedeploy.depot import fetched
from edgedeploy.depot.repo import Depot
from edgedeploy.flows.context import Context
from edgedeploy.flows.fetch import there
from edgedeploy.flows.find import Wanted
from edgedeploy.flows.proof import seen_from_here
from edgedeploy.flows.reach import reach
from edgedeploy.ports import folders

_REMOVE_S = 600.0


@dataclass(frozen=True, slots=True)
class Request:
    """`repository` is this laptop's own of the app, None where it has none. `agreed` is asked, and raises where somebody says no.

    `without_copy`: also where this laptop does not have the commits that are on the board; else only a person who is asked may
    say so (`asks`).
    """

    wanted: Wanted
    app: names.AppName
    repository: Path | None
    agreed: Callable[[str], None]
    asks: bool
    dry_run: bool = False
    without_copy: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """`release` was on air ("" : nothing). `changes` are what was done, or with a dry run would be, in words.

    `again` is the command that puts it back, "" where this laptop does not have what was there.
    """

    app: names.AppName
    board: str
    release: str
    changes: tuple[str, ...]
    again: str = ""


def remove(request: Request, context: Context) -> Result:
    """Have the board forget the app. Raises UsageFault when it has none of that name, or has what nobody else may have."""
    app = request.app
    with reach(replace(request.wanted, app=app), context) as reached:
        found, said = reached.found, there(reached, app)
        release = printable(str(said.get("release") or ""), 100)
        url = seen_from_here(str(said.get("url")), found.forwards) if release and said.get("url") else ""
        head = str(said.get("head") or "")
        on = f" --on {found.name}" if len(context.known.all()) > 1 else ""
        copied, again = _copy(request.repository, app, head)
        again += on if again else ""
        only = bool(head and not copied)
        if request.dry_run:
            return Result(app, found.name, release, _would(app, release, url, said, f"{app}{on}" if only else ""), again)
        if only and not request.without_copy and not request.asks:
            raise errors.UsageFault(
                f"this laptop does not have the commits of {app} that are on {found.name}: nothing could put it back",
                hint=f"bring them here first: edgedeploy fetch {app}{on}   "
                f"or let them go: edgedeploy remove {app}{on} --without-copy --yes",
            )
        on_air = f" ({release} is on air{printable(f' at {url}' if url else '', 200)})" if release else ""
        lost = "" if not only else f" This laptop does not have those commits (to bring them here: edgedeploy fetch {app}{on})."
        request.agreed(f"Take {app} off {found.name}, with everything the board has of it{on_air}?{lost}")
        with context.report.step(f"taking {app} off {found.name}"):
            changes = reached.client.remove(app, context.who, _REMOVE_S)
        known = found.known and context.known.get(found.known.board_id)
        if known:
            context.known.remember(replace(known, apps=tuple(one for one in known.apps if one != app)))
    return Result(app, found.name, release, tuple(changes), again)


def _copy(repository: Path | None, app: names.AppName, head: str) -> tuple[bool, str]:
    """Whether a branch, or what was fetched, has the board's commits here; and the command that puts them back: only a push of the
    branch that one is on does.
    """
    if repository is None or not head:
        return False, ""
    try:
        depot = Depot.open(repository)
        if depot.app != app or not fetched.keeps(depot.git, head):
            return False, ""
        here = depot.continues(names.CommitId.parse(head))
    except errors.EdgeError:
        return False, ""
    return True, f"edgedeploy push{folders.typed(depot.root)}" if here else ""


def _would(app: names.AppName, release: str, url: str, said: Mapping[str, Any], only: str) -> tuple[str, ...]:
    guest = [f"end the guest of {release}{f', and {url} answers no more' if url else ''}"] if release else []
    remote = [f"forget that it is pulled from {printable(str(said['remote']), 200)}"] if said.get("remote") else []
    lost = [f"this laptop does not have those commits; to bring them here: edgedeploy fetch {only}"] if only else []
    return (*guest, f"remove the schedule, the releases, the log and the repository of {app} from the board", *remote, *lost)
