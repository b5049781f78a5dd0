"""`edgedeploy remove`: an app is taken off the board, its guests first and its place on the disk last.

The order is such that whatever ends it leaves either an app that is still known, and can be removed again, or none.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from edgedeploy.agent import records, state
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.agent.network import Network
from edgedeploy.agent.plan import State
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Runtime
from edgedeploy.core import errors, files
from edgedeploy.core.names import AppName
from edgedeploy.core.release import Manifest

_DOOMED = ".removed"


def off_air(
    app: AppName, layout: AppLayout, wanted: Manifest | None, runtime: Runtime, network: Network
) -> list[str]:
    """Destroy the app's guests, on air, kept or dead; returns what was done, in words. Raises CommandFailed.

    `wanted` is the checked-out release, which may run though no state or record says so any more.
    Known by their UUIDs alone: what else bears the name of one may be somebody's.
    """
    try:
        now = state.load(layout.state)
    except errors.BadConfig:  # whatever it says, it is about to go
        now = State()
    slots = [slot for slot in (now.good, now.previous, now.candidate, now.failed) if slot]
    known = {slot.uuid: slot.release for slot in slots}
    manifests = [*records.every(layout).values(), *([wanted] if wanted else [])]
    known |= {manifest.uuid: str(manifest.release) for manifest in manifests}
    rebooting = runtime.watched(layout.domains)
    known |= dict.fromkeys(rebooting - known.keys(), "of which nothing else is known")
    doomed = [domain for domain in runtime.domains() if domain.uuid in known]
    if doomed or rebooting:
        runtime.end(doomed, layout.domains, {domain.uuid for domain in doomed} | rebooting)
    with contextlib.suppress(CommandFailed):  # what is left of a private network is in nobody's way
        network.clear(app, [*known])
    return [f"ended the guest {domain.name} ({known[domain.uuid]})" for domain in doomed]


def forget(board: Layout, app: AppName) -> list[str]:
    """Take away its schedule and, in one step, its folder, and free the disk of that; returns what was done, in words."""
    cron, layout = board.cron(app), board.app(app)
    words = [f"removed the schedule {cron}"] if cron.exists() else []
    for path in (cron, layout.quiet, layout.kept):
        path.unlink(missing_ok=True)
    sweep(board)
    if layout.folder.exists():
        layout.folder.rename(layout.folder.with_name(f".{app}{_DOOMED}"))
        files.fsync_dir(layout.folder.parent)
        words.append(f"removed {layout.folder}: its repository, its releases and its log")
        sweep(board)
    return words


def sweep(board: Layout) -> None:
    """Free the disk of what was put aside, now or by one that was killed."""
    apps = board.state / "apps"
    for name in files.listed(apps):
        if name.startswith(".") and name.endswith(_DOOMED):
            place = apps / name
            if place.is_symlink():  # somebody has put it on a larger disk
                shutil.rmtree(os.path.realpath(place), ignore_errors=True)
                place.unlink()
            shutil.rmtree(place, ignore_errors=True)
