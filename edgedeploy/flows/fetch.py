"""Bring a board's app to this laptop: into the repository that is here, or as a new one where there is none.

For whoever's laptop was lost, for the second laptop, and for the push that was refused because somebody else had pushed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

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

    `cloned`: the repository is new. `ahead` and `behind` count the commits that the branch here and the board's have alone.
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
    restored: tuple[Path, ...] = ()


def fetch(wanted: Wanted, app: names.AppName, folder: Path, context: Context) -> Result:
    """Fetch into the repository at `folder`, or make it.

    Raises UsageFault for a folder that is in use, or whose repository is another app's, or when the board has no such app;
    BadRepository where nothing was pushed there yet, or git refuses what was sent.
    """
    depot = Depot.open(folder) if (folder / ".git").exists() else None
    if depot is None:
        fetched.free(folder)
    elif depot.app != app:
        raise errors.UsageFault(f"{depot.root} is the repository of {depot.app}, not of {app}", hint=f"edgedeploy fetch {app} FOLDER")
    with reach(replace(wanted, app=app), context) as reached:
        there = reached.welcome.apps
        if app not in there:
            has = ", ".join(sorted(there)) or "none"
            raise errors.UsageFault(f"{reached.found.name} has no app {app} (it has: {has})", hint="edgedeploy status")
        board = names.BoardName.parse(reached.found.name)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "bundle"
            told = _brought(reached, app, fetched.known(depot.git) if depot else [], file, context)
            commit, bundle = CommitId.parse(told.commit), file if told.size else None
            if depot is None:
                if bundle is None:
                    raise errors.ProtocolMismatch("the agent sent nothing of its history", hint="edgedeploy enrol")
                made = fetched.clone(folder, board, commit, bundle)
            else:
                made = depot
                fetched.into(depot.git, board, commit, bundle)
        if depot is None:
            usual_board.remember(made.git, reached.welcome.board_id)
            pushed_from.remember(app, made.root)
    restored = fetched.restore(made)
    ref = fetched.ref_of(board)
    ahead, behind = map(int, made.git.run("rev-list", "--left-right", "--count", f"HEAD...{ref}").split())
    short = ref.removeprefix("refs/remotes/")
    return Result(app, board, made.root, commit, short, told.size, depot is None, ahead, behind, tuple(restored))


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
