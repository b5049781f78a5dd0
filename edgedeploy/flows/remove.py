"""Take an app off a board: what a push has put there, and nothing of what is on this laptop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgedeploy.core import errors, messages, names
from edgedeploy.core.names import printable
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Wanted
from edgedeploy.flows.proof import seen_from_here
from edgedeploy.flows.reach import reach

_REMOVE_S = 600.0


@dataclass(frozen=True, slots=True)
class Result:
    """`release` was on air ("" : nothing). `changes` are what was done, or with a dry run would be, in words."""

    app: names.AppName
    board: str
    release: str
    changes: tuple[str, ...]


def remove(
    wanted: Wanted, app: names.AppName, context: Context, agreed: Callable[[str], None], *, dry_run: bool
) -> Result:
    """Ask, by `agreed`, which raises where somebody says no; then have the board forget the app.

    Raises UsageFault when the board has no such app.
    """
    with reach(replace(wanted, app=app), context) as reached:
        found, there = reached.found, reached.welcome.apps
        if app not in there:
            has = ", ".join(sorted(there)) or "none"
            raise errors.UsageFault(f"{found.name} has no app {app} (it has: {has})", hint="edgedeploy status")
        release = printable(str(there[app].get("release") or ""), 100)
        url = seen_from_here(str(there[app]["url"]), found.forwards) if release and there[app].get("url") else ""
        if dry_run:
            return Result(app, found.name, release, _would(app, release, url))
        on_air = f": {release} is on air{printable(f' at {url}' if url else '', 200)}" if release else ""
        agreed(f"Take {app} off {found.name}, with everything the board has of it{on_air}?")
        with context.report.step(f"taking {app} off {found.name}") as step:

            def tell(event: messages.Event) -> None:
                step.detail(event.text)

            changes = reached.client.remove(app, context.who, tell, _REMOVE_S)
            step.detail("")
        known = found.known and context.known.get(found.known.board_id)
        if known:
            context.known.remember(replace(known, apps=tuple(one for one in known.apps if one != app)))
    return Result(app, found.name, release, tuple(changes))


def _would(app: names.AppName, release: str, url: str) -> tuple[str, ...]:
    guest = [f"end the guest of {release}{f', and {url} answers no more' if url else ''}"] if release else []
    return (*guest, f"remove the schedule, the releases, the log and the repository of {app} from the board")
