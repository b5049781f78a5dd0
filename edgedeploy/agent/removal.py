"""`edgedeploy remove`: an app is taken off the board, its guests first and its place on the disk last.

The order is such that whatever ends it leaves either an app that is still known, and can be removed again, or none.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from edgedeploy.agent import records, state
from edgedeploy.agent.layout import AppLayout, Layout
from edgedeploy.agent.network import Network
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Runtime
from edgedeploy.core import files
from edgedeploy.core.names import AppName
from edgedeploy.core.release import Manifest


def off_air(
    app: AppName, layout: AppLayout, wanted: Manifest | None, runtime: Runtime, network: Network
) -> list[str]:
    """Destroy the app's guests, on air, kept or dead; returns what was done, in words. Raises CommandFailed.

    `wanted` is the checked-out release, which may run though no state or record says so any more.
    Known by their UUIDs alone: what else bears the name of one may be somebody's.
    """
    now = state.load(layout.state)
    slots = [slot for slot in (now.good, now.previous, now.candidate, now.failed) if slot]
    known = {slot.uuid: slot.release for slot in slots}
    manifests = [*records.every(layout).values(), *([wanted] if wanted else [])]
    known |= {manifest.uuid: str(manifest.release) for manifest in manifests}
    doomed = [domain for domain in runtime.domains() if domain.uuid in known]
    rebooting = runtime.watched(layout.domains)
    if doomed or rebooting:
        runtime.end(doomed, layout.domains, {domain.uuid for domain in doomed} | rebooting)
    with contextlib.suppress(CommandFailed):  # what is left of a private network is in nobody's way
        network.clear(app, [*known])
    return [f"ended the guest {domain.name} ({known[domain.uuid]})" for domain in doomed]


def forget(board: Layout, app: AppName) -> list[str]:
    """Take away its schedule and, in one step, its folder; returns what was done, in words. `sweep` comes after it."""
    cron, layout = board.cron(app), board.app(app)
    words = [f"removed the schedule {cron}"] if cron.exists() else []
    for path in (cron, layout.quiet, layout.kept):
        path.unlink(missing_ok=True)
    sweep(board, app)
    if layout.folder.exists():
        layout.folder.rename(_doomed(layout))
        files.fsync_dir(layout.folder.parent)
        words.append(f"removed {layout.folder}: its repository, its releases and its log")
    return words


def sweep(board: Layout, app: AppName) -> None:
    """Free the disk of what `forget` has put aside."""
    shutil.rmtree(_doomed(board.app(app)), ignore_errors=True)


def _doomed(layout: AppLayout) -> Path:
    return layout.folder.with_name(f".{layout.folder.name}.removed")
