"""A push of a release of the original scripts: who knows such releases, and under which name."""

from __future__ import annotations

from dataclasses import replace

from edgedeploy.core import errors, names
from edgedeploy.depot.repo import Depot
from edgedeploy.flows.context import Context
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.uptodate import UpToDate
from edgedeploy.remote import agentkit


def is_one(depot: Depot, what: UpToDate) -> bool:
    """Whether that is what is pushed."""
    return not what.draft and not depot.has_manifest(what.manifest.release)


def as_called_there(depot: Depot, what: UpToDate, reached: Reached, context: Context) -> UpToDate:
    """A repository of the original scripts does not name its app: where the board has it already, its name there counts.

    Raises errors.ProtocolMismatch for an agent that may not know such releases, errors.BadRepository where the board has two.
    """
    if not is_one(depot, what):
        return what
    if reached.welcome.agent != agentkit.digest():
        raise errors.ProtocolMismatch(
            f"the agent on {reached.found.name} is not this edgedeploy's, and may not know the original scripts' releases",
            hint=f"bring it up to date: edgedeploy enrol {reached.found.name}",
        )
    apps = reached.welcome.apps
    if what.manifest.app in apps or depot.as_original(what.manifest.release).named:
        return what
    found = [name for name, app in apps.items() if names.AppName.fits(name) and depot.shares(str(app.get("head") or ""))]
    if len(found) > 1:
        raise errors.BadRepository(
            f"{reached.found.name} has this repository's commits as {' and as '.join(found)}",
            hint=f'say which is meant: app = "{found[0]}" in an edgedeploy.toml that is committed',
        )
    if not found:
        return what
    context.report.note(f"{reached.found.name} calls it {found[0]}: that is its name for rollback, log and status, too")
    return replace(what, manifest=replace(what.manifest, app=names.AppName(found[0])))
