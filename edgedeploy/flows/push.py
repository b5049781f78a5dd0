"""The main job: find the board, prove that the release fits, bring over what it lacks, swap, prove what is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgedeploy.core import errors, messages, names
from edgedeploy.core.board import BoardFacts, Profile
from edgedeploy.core.names import printable
from edgedeploy.core.release import Manifest
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import fitness, parcel, proof
from edgedeploy.flows.find import Found, Wanted, candidates
from edgedeploy.flows.kit import Kit, refreshed
from edgedeploy.ports.report import Step
from edgedeploy.ports.wire import Wire
from edgedeploy.remote import agentkit
from edgedeploy.remote.client import AgentClient

_STAGE_S = 600.0
_MARGIN_S = 240.0  # on top of the health probe's own time, twice (release and way back), for xl on a loaded board


@dataclass(frozen=True, slots=True)
class Request:
    """What to push. `force_retry`: try a quarantined release again."""

    repository: Path
    wanted: Wanted
    dry_run: bool = False
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it. `url` is where this laptop reaches the app; `confirmed` what it saw there itself."""

    app: str
    release: str
    board: str
    verdict: str
    uuid: str = ""
    url: str = ""
    outage_ms: int = 0
    was_on_air: bool = False
    """whether anything of this app ran before; when not, outage_ms is how long the first start took"""
    sent_bytes: int = 0
    served: dict[str, str] = field(default_factory=dict)
    confirmed: str = "unknown"
    """confirmed, contradicted or unknown: the laptop's own look at the URL"""
    plan: tuple[str, ...] = ()
    """with dry_run: what would happen"""


def push(request: Request, kit: Kit, profiles: Sequence[Profile], offer: Callable[[Found], None]) -> Result:
    """Deploy the committed release of a repository. Returns only when it is on air, or was already.

    `offer` is called with a board that was found but is not enrolled: it enrols it, or raises.

    Raises DoesNotFit before any network is used, RolledBack, RollbackFailed, OutcomeUnknown, Quarantined, and
    whatever finding and reaching the board raises.
    """
    depot = Depot.open(request.repository)
    release = depot.latest()
    if release is None:
        raise errors.BadRepository(f"{depot.root} has no release yet", hint="edgedeploy release KERNEL")
    manifest = depot.manifest(release)
    _check_before_network(depot, manifest, request, kit, profiles)
    wanted = replace(request.wanted, app=manifest.app)
    found = kit.find(wanted)
    if found.known is None and request.dry_run:
        plan = (f"enrol {found.label}", f"push {manifest.app} {release}")
        return Result(manifest.app, release, found.name, "dry-run", plan=plan)
    if found.known is None:
        offer(found)  # enrols, or raises
        found = kit.find(wanted)
    kit.enrolled(found)
    with ExitStack() as stack:
        with kit.report.step(f"connecting to {found.name}"):
            wire, client = _talk(found, kit)
            stack.enter_context(wire)
            stack.enter_context(client)
            welcome = _greet(client, found)
        if welcome.agent != agentkit.digest():
            kit.report.warn(
                f"the agent on {found.name} is not this edgedeploy's; `edgedeploy enrol` brings it up to date"
            )
        refreshed(found, kit)
        live = BoardFacts.from_plain(welcome.facts)
        _check_against_board(depot, manifest, profiles, welcome, live)
        if request.dry_run:
            return _would(depot, manifest, found, welcome)
        return _deploy(depot, manifest, request, found, client, welcome, kit)


# --- before anything is touched -------------------------------------------------------------------------------------


def _check_before_network(
    depot: Depot, manifest: Manifest, request: Request, kit: Kit, profiles: Sequence[Profile]
) -> None:
    wanted = replace(request.wanted, app=manifest.app)
    kinds = {board.profile for board in candidates(wanted, kit.known.all())} or set(manifest.boards)
    suited = [profile for profile in profiles if profile.name in kinds] or [p for p in profiles if p.supported]
    with kit.report.step(f"checking that {manifest.release} fits") as step:
        step.detail(", ".join(fitness.some(depot, manifest, suited)[:3]))
    if not depot.has_manifest(manifest.release):
        raise errors.BadRepository(
            f"{manifest.release} was made by the original scripts: it has no manifest.json, which the board needs",
            hint="make a release of the same kernel: edgedeploy release KERNEL",
        )
    if depot.is_dirty():
        kit.report.warn("there are changes that are not committed; what is pushed is the last commit")


def _talk(found: Found, kit: Kit) -> tuple[Wire, AgentClient]:
    try:
        return kit.talk(found)
    except errors.HostKeyChanged as error:
        if found.how != "by --host" or (found.known and found.hosts[0] in found.known.hosts):
            raise
        raise errors.UsageFault(
            f"{found.hosts[0]} is not {found.name}, and no other board at that address is enrolled on this laptop",
            hint=f"enrol it: edgedeploy enrol {found.hosts[0]}",
            details=error.details,
        ) from None


def _greet(client: AgentClient, found: Found) -> messages.Welcome:
    """Who answers must be who was meant: two boards may have swapped their addresses."""
    welcome = client.hello()
    if found.known and welcome.board_id != found.known.board_id:
        raise errors.HostKeyChanged(
            f"{found.hosts[0]} is the board {printable(welcome.board_id, 40)}, not {found.known.board_id} ({found.name})",
            hint="edgedeploy discover shows which board is where",
        )
    return welcome


def _check_against_board(
    depot: Depot, manifest: Manifest, profiles: Sequence[Profile], welcome: messages.Welcome, live: BoardFacts
) -> None:
    profile = next((p for p in profiles if p.name == welcome.profile), None)
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
    freed = manifest.domain.memory_mb if app.get("release") else 0
    fitness.require(depot, manifest, profile, live, freed)


def _would(depot: Depot, manifest: Manifest, found: Found, welcome: messages.Welcome) -> Result:
    app = welcome.apps.get(manifest.app, {})
    plan = [f"push {manifest.app} {manifest.release} to {found.label}"]
    if app.get("uuid") == manifest.uuid:
        plan.append("nothing would be swapped: this release is on air")
    else:
        plan.append(f"swap {app.get('release') or 'nothing'} for {manifest.release}")
    if app.get("head", "") != depot.head():
        plan.append(
            f"send the commits from {str(app.get('head') or '')[:12] or 'the beginning'} to {depot.head()[:12]}"
        )
    return Result(
        manifest.app,
        manifest.release,
        found.name,
        "dry-run",
        manifest.uuid,
        plan=tuple(plan),
        url=proof.url(manifest, found.forwards),
    )


# --- touch ----------------------------------------------------------------------------------------------------------


def _deploy(
    depot: Depot,
    manifest: Manifest,
    request: Request,
    found: Found,
    client: AgentClient,
    welcome: messages.Welcome,
    kit: Kit,
) -> Result:
    staged, sent = _bring(depot, manifest, client, welcome, kit)
    patience = _MARGIN_S + 2 * (manifest.health.timeout_s if manifest.health else 10)
    if staged.uuid != manifest.uuid:
        raise errors.Bug(f"the board staged {staged.release}, not {manifest.release}")
    with kit.report.step("confirming that it is on air" if staged.live else "swapping the guest") as step:
        before = str((welcome.apps.get(manifest.app, {}).get("last") or {}).get("id", ""))
        outcome = _activate(client, depot, manifest, request, found, kit, step, patience, before)
    proof.demand(manifest, outcome)
    url = proof.url(manifest, found.forwards)
    confirmed = proof.look(manifest, url, kit.report)
    refreshed(found, kit, manifest.app)
    return Result(
        manifest.app,
        manifest.release,
        found.name,
        outcome.verdict,
        outcome.uuid,
        url,
        outcome.outage_ms,
        outcome.was_on_air,
        sent,
        dict(outcome.served),
        confirmed,
    )


def _bring(
    depot: Depot, manifest: Manifest, client: AgentClient, welcome: messages.Welcome, kit: Kit, rate: int | None = None
) -> tuple[messages.Staged, int]:
    """Send what the board lacks, and have it prepared: the board's answer, and how many bytes that were."""
    head = str(welcome.apps.get(manifest.app, {}).get("head", ""))
    have = {names.CommitId.parse(head)} if head else set()
    # another edgedeploy's agent may not unpack it
    small = rate is not None and welcome.agent == agentkit.digest()
    with parcel.of(depot, have, small=small) as made:
        digest = None
        if made:
            with kit.report.step(parcel.sending(made.size, rate), total=made.size) as step:
                digest = client.put(made.path, step)
        try:
            with kit.report.step("preparing the release on the board") as step:
                staged = client.stage(manifest.app, depot.head(), digest, _teller(kit, step), _STAGE_S)
        except errors.WireFault:
            raise  # the same bytes will be wanted again
        except errors.EdgeError:
            parcel.taken(made)
            raise
        parcel.taken(made)
        return staged, made.size if made else 0


def _activate(
    client: AgentClient,
    depot: Depot,
    manifest: Manifest,
    request: Request,
    found: Found,
    kit: Kit,
    step: Step,
    patience: float,
    before: str,
) -> messages.Outcome:
    try:
        return client.activate(
            manifest.app, depot.head(), kit.who, _teller(kit, step), patience, retry=request.retry
        )
    except errors.OutcomeUnknown as lost:
        kit.report.warn("contact with the board was lost; asking again what it serves")
        outcome = proof.after_lost_contact(manifest, found, kit, patience, before)
        if outcome is None:
            raise lost
        return outcome


def _teller(kit: Kit, step: Step) -> Callable[[messages.Event], None]:
    """Shows what the board does; what it had to put right stays on the screen."""

    def tell(event: messages.Event) -> None:
        if event.step == "repair":
            kit.report.warn(f"on the board: {event.text}")
        else:
            step.detail(event.text)

    return tell
