"""The main job: find the board, prove that the release fits, bring over what it lacks, swap, prove what is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from edgedeploy.core import errors, messages, names
from edgedeploy.core.board import BoardFacts, Profile, host
from edgedeploy.core.names import printable
from edgedeploy.core.release import Manifest
from edgedeploy.depot import pushed_from, usual_board
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import bundle_cache, fitness, proof, push_original, push_over, push_plan, uptodate
from edgedeploy.flows.context import Context, remembered
from edgedeploy.flows.conversation import Reached
from edgedeploy.flows.find import Found, Wanted, candidates
from edgedeploy.flows.push_result import Result
from edgedeploy.flows.reach import reach
from edgedeploy.flows.uptodate import UpToDate
from edgedeploy.ports import folders
from edgedeploy.ports.report import Step
from edgedeploy.remote import agentkit

_STAGE_S = 600.0
_MARGIN_S = 240.0  # on top of the health probe's own time, twice (release and way back), for xl on a loaded board


@dataclass(frozen=True, slots=True)
class Request:
    """What to push. `retry`: try a quarantined release again. `release`: make a new one where files have changed.

    `swap`: one of core.release.SWAPS, "" for what edgedeploy.toml says. `go_back`: asked with a release's id, where this
    laptop sees something else than what was released, whether that one is to be put on air again. `over`: another history
    on the board gives way.
    """

    repository: Path
    wanted: Wanted
    dry_run: bool = False
    retry: bool = False
    release: bool = True
    swap: str = ""
    go_back: Callable[[str], bool] = lambda _: False
    over: bool = False


def push(request: Request, context: Context, profiles: Sequence[Profile], offer: Callable[[Found], None]) -> Result:
    """Deploy what is in a repository. Returns only when it is on air, or was already.

    `offer` is called with a board that was found but is not enrolled: it enrols it, or raises.

    Raises DoesNotFit before any network is used, RolledBack, RollbackFailed, OutcomeUnknown, Quarantined, and
    whatever making a release, finding the board and reaching it raises.
    """
    depot = Depot.open(request.repository)
    found = uptodate.ensure(depot, context.report, release=request.release, dry_run=request.dry_run)
    return replace(_push(depot, found, request, context, profiles, offer), left=found.left, why_left=found.why_left)


def _push(
    depot: Depot, what: UpToDate, request: Request, context: Context, profiles: Sequence[Profile],
    offer: Callable[[Found], None],
) -> Result:  # fmt: skip
    manifest = what.manifest
    _check_before_network(depot, what, request, context, profiles)
    wanted = replace(request.wanted, app=manifest.app)

    def stranger(found: Found) -> None:
        if request.dry_run:
            raise _WouldEnrolError(found)
        offer(found)  # enrols, or raises

    try:
        with reach(wanted, context, stranger) as reached:
            return _over(reached, depot, what, request, context, profiles)
    except _WouldEnrolError as would:
        plan = (*push_plan.first(what), f"enrol {would.found.label}", f"push {push_plan.named(what)}")
        return Result(manifest.app, manifest.release, would.found.name, "dry-run", plan=plan)


class _WouldEnrolError(Exception):
    """A dry run meets a board that is not enrolled."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.label)
        self.found = found


def _over(
    reached: Reached, depot: Depot, what: UpToDate, request: Request, context: Context, profiles: Sequence[Profile]
) -> Result:
    if reached.welcome.agent != agentkit.digest():
        context.report.warn(
            f"the agent on {reached.found.name} is not this edgedeploy's; `edgedeploy enrol` brings it up to date"
        )
    what = push_original.as_called_there(depot, what, reached, context)
    _not_quarantined(depot, what.manifest, reached.welcome, request)
    live = BoardFacts.from_plain(reached.welcome.facts)
    _check_against_board(depot, what, profiles, reached.welcome, live)
    if request.dry_run:
        return push_plan.would(depot, what, reached, request.swap, over=request.over)
    if depot.head() != what.commit:
        raise errors.BadRepository(f"something was committed in {depot.root} meanwhile", hint="push again")
    return _deploy(depot, what.manifest, request, reached, context)


# --- before anything is touched -------------------------------------------------------------------------------------


def _check_before_network(
    depot: Depot, what: UpToDate, request: Request, context: Context, profiles: Sequence[Profile]
) -> None:
    manifest = what.manifest
    wanted = replace(request.wanted, app=manifest.app)
    kinds = {board.profile for board in candidates(wanted, context.known.all())} or set(manifest.boards)
    suited = fitness.suited(manifest, kinds, profiles)
    with context.report.step(f"checking that {push_plan.called(what)} fits") as step:
        step.detail(", ".join(fitness.some(fitness.Release.of(depot, manifest, what.draft), suited)[:3]))
    if push_original.is_one(depot, what):
        context.report.note(f"{manifest.release}: {depot.as_original(manifest.release).told()}")


def _check_against_board(
    depot: Depot, what: UpToDate, profiles: Sequence[Profile], welcome: messages.Welcome, live: BoardFacts
) -> None:
    manifest = what.manifest
    profile = next((p for p in (*profiles, host()) if p.name == welcome.profile), None)
    if profile is None:
        raise errors.BadConfig(
            f"the board says it is a {printable(welcome.profile, 60)!r}; there is no such profile here",
            hint="edgedeploy boards, or enrol it again with --profile",
        )
    if manifest.boards and profile.name not in manifest.boards:
        raise errors.DoesNotFit(
            f"{manifest.release} was released for {', '.join(manifest.boards)}; this board is a {profile.name}",
            hint=f"add it to `boards` in {depot.root.name}/edgedeploy.toml and release again",
        )
    app = welcome.apps.get(manifest.app, {})
    waiting = sum(other.get("kept_mb", 0) for other in welcome.apps.values())  # gives way when its memory is wanted
    freed = waiting + (manifest.domain.memory_mb if app.get("release") else 0)
    fitness.require(fitness.Release.of(depot, manifest, what.draft), profile, live, freed)


# --- touch ----------------------------------------------------------------------------------------------------------


def _not_quarantined(depot: Depot, manifest: Manifest, welcome: messages.Welcome, request: Request) -> None:
    """Told before anything is sent. Raises Quarantined."""
    app = welcome.apps.get(manifest.app, {})
    why = app.get("quarantine", {}).get(manifest.release)
    # the same release of the original scripts with another xl.conf.in is another one
    if why and not request.retry and manifest.uuid in app.get("quarantined", [manifest.uuid]):
        raise proof.quarantined(manifest, names.printable(str(why), 1000), str(app.get("release", "")), _retry(depot))


def _retry(depot: Depot) -> str:
    return f"edgedeploy push{folders.typed(depot.root)} --retry"


def _deploy(depot: Depot, manifest: Manifest, request: Request, reached: Reached, context: Context) -> Result:
    found, welcome = reached.found, reached.welcome
    app = welcome.apps.get(manifest.app, {})
    live, sent = _on_air(app, depot, manifest), 0
    # where this laptop does not know what to ask, the board may
    if live and manifest.health and not found.cable and (seen := proof.pages(manifest, found.forwards)) is not None:
        return _unchanged(depot, manifest, reached, context, seen)
    if not live:
        staged, sent = _bring(depot, manifest, reached, context, request)
        if staged.uuid != manifest.uuid:
            raise errors.Bug(f"the board staged {staged.release}, not {manifest.release}")
        live = staged.live
    with context.report.step("confirming that it is on air" if live else f"swapping the {manifest.domain.called}") as step:
        before = str((app.get("last") or {}).get("id", ""))
        outcome = _activate(depot, manifest, request, reached, context, step, before)
        step.detail("")
        proof.demand(manifest, outcome, _retry(depot))
    url = proof.url(manifest, found.forwards)
    confirmed = proof.look(manifest, url, context.report, cabled=bool(found.cable))
    _remember(depot, manifest, reached, context)
    if confirmed == "contradicted" and outcome.kept and request.go_back(printable(outcome.kept, 100)):
        _go_back(manifest, outcome.kept, url, reached, context)
    return Result(
        manifest.app,
        manifest.release,
        found.name,
        outcome.verdict,
        outcome.uuid,
        url,
        outcome.outage_ms,
        outcome.was_on_air,
        outcome.swap,
        outcome.why_in_place,
        outcome.kept,
        sent,
        dict(outcome.served),
        contents_known=bool(manifest.health and manifest.health.serves),
        unproven=printable(outcome.reason, 300),
        confirmed=confirmed,
        runtime=manifest.domain.runtime,
        cable=found.cable,
    )


def _go_back(manifest: Manifest, kept: str, url: str, reached: Reached, context: Context) -> NoReturn:
    """What this laptop sees is not what was released, and a person wants what was there before. Raises RolledBack."""
    with context.report.step(f"going back to {printable(kept, 100)}") as step:
        tell, to = _teller(context, step), names.ReleaseId.parse(kept)
        outcome = reached.client.rollback(manifest.app, to, context.who, tell, _MARGIN_S)
        step.detail("")
    if outcome.running != kept or outcome.uuid == manifest.uuid:  # two releases may bear one id
        raise errors.RollbackFailed(
            f"the board did not go back to {to} ({printable(outcome.reason, 500)}); it serves {outcome.running or 'nothing'}",
            hint=f"edgedeploy log {manifest.app}",
        )
    raise errors.RolledBack(
        f"{url} showed this laptop something else than {manifest.release}; the board serves {to} again",
        hint="see who else answers at that address, then: edgedeploy push --retry",
    )


def _unchanged(
    depot: Depot, manifest: Manifest, reached: Reached, context: Context, seen: Mapping[str, str]
) -> Result:
    """Xen runs the release, and this laptop got all that it serves (`seen`): the board need not look, too."""
    _remember(depot, manifest, reached, context)
    confirmed = "confirmed" if manifest.health and manifest.health.serves else "unknown"
    return Result(
        manifest.app,
        manifest.release,
        reached.found.name,
        "already-live",
        manifest.uuid,
        proof.url(manifest, reached.found.forwards),
        served=dict(seen),
        witness="laptop",
        contents_known=bool(manifest.health and manifest.health.serves),
        confirmed=confirmed,
        runtime=manifest.domain.runtime,
    )


def _remember(depot: Depot, manifest: Manifest, reached: Reached, context: Context) -> None:
    remembered(reached, context, manifest.app)
    usual_board.remember(depot.git, reached.welcome.board_id)
    if not (reached.found.known and reached.found.known.folder):  # what is pushed there is soon gone with its board
        pushed_from.remember(manifest.app, depot.root)


def _on_air(app: Mapping[str, Any], depot: Depot, manifest: Manifest) -> bool:
    """Whether the board has these very commits and serves their release: then there is nothing to prepare."""
    there = app.get("head") == depot.head() and app.get("uuid") == manifest.uuid
    return there and app.get("healthy") is True and app.get("phase") == "steady"


def _bring(
    depot: Depot, manifest: Manifest, reached: Reached, context: Context, request: Request
) -> tuple[messages.Staged, int]:
    """Send what the board lacks, and have it prepared: the board's answer, and how many bytes that were."""
    client, welcome, rate = reached.client, reached.welcome, reached.rate
    basis = push_over.basis(depot, manifest.app, reached, over=request.over)
    for line in basis.told:
        context.report.warn(line)
    # another edgedeploy's agent may not unpack it
    small = rate is not None and welcome.agent == agentkit.digest()
    with bundle_cache.bundle(depot, basis.have, small=small) as made:
        digest = None
        if made:
            with context.report.step(bundle_cache.sending(made.size, rate), total=made.size) as step:
                digest = client.put(made.file, step)
        try:
            with context.report.step("preparing the release on the board") as step:
                tell = _teller(context, step)
                staged = client.stage(
                    manifest.app, depot.head(), digest, tell, _STAGE_S, swap=request.swap, over=basis.over
                )
                step.detail("")  # what it did last is not what has become of it
        except errors.WireFault:
            raise  # the same bytes will be wanted again
        except errors.EdgeError:
            bundle_cache.drop(made)
            raise
        bundle_cache.drop(made)
        return staged, made.size if made else 0


def _activate(
    depot: Depot, manifest: Manifest, request: Request, reached: Reached, context: Context, step: Step, before: str
) -> messages.Outcome:
    patience = _MARGIN_S + 2 * (manifest.health.timeout_s if manifest.health else 10)
    try:
        return reached.client.activate(
            manifest.app, depot.head(), context.who, _teller(context, step), patience, retry=request.retry, swap=request.swap
        )
    except KeyboardInterrupt:
        raise errors.Interrupted(
            f"interrupted here; {reached.found.name} goes on by itself with {manifest.release}",
            hint=f"how it ended: edgedeploy log {manifest.app}",
        ) from None
    except errors.OutcomeUnknown as lost:
        context.report.warn("contact with the board was lost; it goes on by itself, and is asked for up to two minutes what it serves")
        step.detail("asking again; Ctrl-C is safe")
        outcome = proof.after_lost_contact(manifest, reached.again, patience, before)
        if outcome is None:
            raise lost
        return outcome


def _teller(context: Context, step: Step) -> Callable[[messages.Event], None]:
    """Shows what the board does; what it had to put right stays on the screen."""

    def tell(event: messages.Event) -> None:
        if event.step == "repair":
            context.report.warn(f"on the board: {event.text}")
        else:
            step.detail(event.text)

    return tell
