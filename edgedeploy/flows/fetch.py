"""Bring a board's app to this laptop: into the repository that is here, or as a new one where there is none.

For whoever's laptop was lost, for the second laptop, and for the push that was refused because somebody else had pushed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgedeploy.core import errors, messages, names
from edgedeploy.core.names import CommitId
from edgedeploy.depot import fetched, pushed_from, usual_board
from edgedeploy.depot.repo import Depot
from edgedeploy.flows.context import Context
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.find import Wanted
from edgedeploy.flows.reach import reach


@dataclass(frozen=True, slots=True)
class Result:
    """What is here now. `ref` is where the board's history is, as git takes it; `size` is what was sent, in bytes.

    `cloned`: the repository is new. `ahead` and `behind` count the commits that the branch here and the board's have alone;
    `related`: they have some in common.
    `restored`: files that git does not keep, and that a next release is made of.
    """

    app: names.AppName
    board: str
    folder: Path
    commit: CommitId
    ref: str
    size: int
    cloned: bool
    ahead: int
    behind: int
    related: bool = True
    restored: tuple[Path, ...] = ()


def fetch(wanted: Wanted, app: names.AppName, folder: Path, context: Context) -> Result:
    """Fetch into the repository at `folder`, or make it.

    Raises UsageFault for a folder that is in use, or whose repository is another app's, or when the board has no such app;
    BadRepository where nothing was pushed there yet, or git refuses what was sent.
    """
    depot = Depot.open(folder) if (folder / ".git").exists() else None
    if depot is None:
        folder = fetched.free(folder)
    elif depot.app != app:
        raise errors.UsageFault(f"{depot.root} is the repository of {depot.app}, not of {app}", hint=f"edgedeploy fetch {app} FOLDER")
    with reach(replace(wanted, app=app), context) as reached:
        said = there(reached, app)
        board, theirs = names.BoardName.parse(reached.found.name), str(said.get("head") or "")
        with tempfile.TemporaryDirectory(dir=_beside(folder)) as scratch:
            file = Path(scratch) / "bundle"
            told = _brought(reached, app, fetched.known(depot, theirs) if depot else [], file, context)
            commit, bundle = CommitId.parse(told.commit), file if told.size else None
            if depot:
                fetched.into(depot.git, board, commit, bundle)
            elif bundle is None:
                raise errors.ProtocolMismatch("the agent sent nothing of its history", hint="edgedeploy enrol")
            else:
                made = fetched.clone(folder, board, commit, bundle)
                usual_board.remember(made.git, reached.welcome.board_id)
                pushed_from.remember(app, made.root)
                return _result(made, app, board, told, _restored(made, context), cloned=True)
    try:
        fetched.merges_releases(depot.git)
    except (errors.EdgeError, OSError) as error:
        context.report.warn(f"a merge will conflict in xen/latest, where yours is to be kept: {error}")
    return _result(depot, app, board, told, (), cloned=False)


def _beside(folder: Path) -> Path | None:
    """Where a history has room that has room beside it: the temporary folder may be memory."""
    return next((place for place in (folder / ".git", folder.parent) if place.is_dir() and os.access(place, os.W_OK)), None)


def _restored(made: Depot, context: Context) -> tuple[Path, ...]:
    """What a next release is made of; without it the talk is here all the same."""
    try:
        return tuple(fetched.restore(made))
    except (errors.EdgeError, OSError) as error:
        context.report.warn(f"what its latest release was made of could not be taken out of it: {error}")
        return ()


def _result(
    made: Depot, app: names.AppName, board: names.BoardName, told: messages.Bundle, restored: tuple[Path, ...], *, cloned: bool
) -> Result:
    ref = fetched.ref_of(board)
    born = made.git.commit("HEAD") is not None
    ahead, behind = (
        map(int, made.git.run("rev-list", "--left-right", "--count", f"HEAD...{ref}").split())
        if born
        else (0, int(made.git.run("rev-list", "--count", ref)))
    )
    related = not born or made.git.ask("merge-base", "HEAD", ref) is not None
    short, commit = ref.removeprefix("refs/remotes/"), CommitId.parse(told.commit)
    return Result(app, board, made.root, commit, short, told.size, cloned, ahead, behind, related, restored)


def there(reached: Reached, app: names.AppName) -> Mapping[str, Any]:
    """What the board says of an app. Raises UsageFault where it has none of that name, ProtocolMismatch for what is no answer."""
    apps = reached.welcome.apps
    if app not in apps:
        has = ", ".join(sorted(apps)) or "none"
        raise errors.UsageFault(f"{reached.found.name} has no app {app} (it has: {has})", hint="edgedeploy status")
    said: object = apps[app]
    if isinstance(said, dict):
        head = said.get("head") or ""
        if isinstance(head, str) and (not head or CommitId.fits(head)):
            return said
    raise errors.ProtocolMismatch(f"the agent says of {app} what no agent says", hint="edgedeploy enrol")


def _brought(reached: Reached, app: names.AppName, known: list[str], file: Path, context: Context) -> messages.Bundle:
    name = reached.found.name
    with context.report.step(f"asking {name} for {app}") as asking:

        def tell(event: messages.Event) -> None:
            asking.detail(event.text)

        told = reached.client.fetch(app, known, tell)
        asking.detail("")
    if told.size:
        with context.report.step(f"fetching {told.size / 1e6:.1f} MB", total=told.size) as step, file.open("wb") as out:
            reached.client.receive(told, out, step)
    return told
