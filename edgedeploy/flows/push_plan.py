"""What a push would do, in words: for `--dry-run`, which touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgedeploy.core import messages
from edgedeploy.core.names import printable
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import proof, push_over
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.push_result import Result
from edgedeploy.flows.uptodate import UpToDate


def called(what: UpToDate) -> str:
    """A release that is not made yet will have another time in its id."""
    return f"the new release of {what.manifest.app}" if what.draft else what.manifest.release


def named(what: UpToDate) -> str:
    """The same, with its app."""
    return called(what) if what.draft else f"{what.manifest.app} {what.manifest.release}"


def first(what: UpToDate) -> tuple[str, ...]:
    """What comes before anything else: a release is made, where that is so."""
    return (f"make a release, because {what.why}",) if what.draft else ()


def would(depot: Depot, what: UpToDate, reached: Reached, swap: str, *, over: bool = False) -> Result:
    """What a push would do to an enrolled board. Raises what the board would refuse it with."""
    manifest, found, welcome = what.manifest, reached.found, reached.welcome
    app = welcome.apps.get(manifest.app, {})
    basis = push_over.basis(depot, manifest.app, reached, over=over)
    plan = [*first(what), f"push {named(what)} to {found.label}", *basis.told]
    if app.get("uuid") == manifest.uuid:
        plan.append("nothing would be swapped: this release is on air")
    else:
        plan.append(_how(app, called(what), reached.client.rehearse(manifest, swap)))
    if what.draft or depot.head() not in basis.have:
        to = "that of the new release" if what.draft else depot.head()[:12]
        since = next(iter(sorted(basis.have)), "")
        plan.append(f"send the commits from {since[:12] or 'the beginning'} to {to}")
    return Result(
        manifest.app,
        manifest.release,
        found.name,
        "dry-run",
        manifest.uuid,
        plan=tuple(plan),
        url=proof.url(manifest, found.forwards),
    )


def _how(app: Mapping[str, Any], new: str, rehearsed: messages.Rehearsed | None) -> str:
    old = app.get("release") or "nothing"
    if rehearsed and rehearsed.swap == "blue-green":
        return f"start {new} beside {old}, prove it there, and put it on air: no outage"
    why = f", in its place and not beside it: {printable(rehearsed.why, 300)}" if rehearsed and rehearsed.why else ""
    return f"swap {old} for {new}{why}"
