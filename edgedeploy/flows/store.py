"""What CI runs: makes a release of what was built, and puts it into a deployment repository somewhere else, without force."""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgedeploy.core import errors
from edgedeploy.core.names import CommitId, printable
from edgedeploy.core.project import FILE, loads
from edgedeploy.depot import scaffold, source_config, usable
from edgedeploy.depot.commit import Change, commit
from edgedeploy.depot.git import Git
from edgedeploy.depot.release import Added, commit_release
from edgedeploy.depot.remote import Copy, Remote, redacted
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import release, scratch
from edgedeploy.ports.report import Report
from edgedeploy.wires.gitssh.deploykey import DeployKey
from edgedeploy.wires.gitssh.keeper import Keeper
from edgedeploy.wires.given_trust import GivenTrust

ATTEMPTS = 6
"""how often somebody else may be quicker"""
_PREFIX = "edgedeploy-store-"
_SHORT = Path("/tmp")  # noqa: S108 - only a folder is made there, with a name that nobody guesses


@dataclass(frozen=True, slots=True)
class Request:
    """What to store, and where. Paths are absolute; `settings` is the source's edgedeploy.toml, where it has one."""

    remote: str
    here: Path
    kernel: Path | None = None
    ramdisk: Path | None = None
    slides: Path | None = None
    settings: Path | None = None
    branch: str | None = None
    source: str | None = None
    key: DeployKey | None = None
    host_keys: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What the remote has now. `attempts`: 1, and one more for each time that somebody else was quicker."""

    remote: str
    branch: str
    added: Added
    fits: tuple[str, ...]
    source: Source | None
    attempts: int
    dry_run: bool
    settings: bool
    """whether edgedeploy.toml is another one than before"""


@dataclass(frozen=True, slots=True)
class Source:
    """The commit that was built."""

    commit: str
    subject: str = ""

    @property
    def line(self) -> str:
        """As a commit's message has it."""
        return f"Source: {self.commit}{f' {self.subject}' if self.subject else ''}"


def put(request: Request, *, report: Report, sleep: Callable[[float], None]) -> Stored:
    """Release and push. Raises DoesNotFit, BadRepository, BadConfig, UsageFault or a WireFault; then nothing was stored.

    `sleep` waits before another attempt, in seconds.
    """
    GivenTrust.parse(request.host_keys)  # a slip is told before anything is fetched
    remote = Remote.parse(request.remote, request.here)
    source = source_of(request, report)
    with (
        scratch.folder(scratch.usual(), _PREFIX) as place,
        _carried(request, remote, place) as (environment, faults),
        _there(remote, place, report, dry_run=request.dry_run) as at,
    ):
        copy = Copy(at, place / "copy", environment)
        with faults(), report.step(f"fetching {remote}"):
            copy.start(request.branch)
        _tell_older(request, copy, source, report)
        for attempt in range(1, ATTEMPTS + 1):
            made = _release(request, copy, source, report)
            stored = Stored(
                str(remote), copy.branch, made.added, made.fits, source, attempt, request.dry_run, made.settings
            )
            if request.dry_run or (made.added.unchanged and not made.settings):
                return stored
            with faults(), report.step(f"pushing to {remote}"):
                if copy.send():
                    return stored
            report.note(f"somebody else pushed to {remote} meanwhile: once more, on top of that")
            sleep(0.3 * attempt)
            with faults():
                copy.again()
    raise errors.BadRepository(
        f"{remote}: somebody else was quicker {ATTEMPTS} times; nothing was stored",
        hint="let CI store one at a time (see: edgedeploy ci init), and run this job again",
    )


def source_of(request: Request, report: Report) -> Source | None:
    """The commit that was built: as asked for, else what is checked out here; None where that is no git repository."""
    git = Git(request.here)
    found = git.commit(request.source or "HEAD")
    if found:
        return Source(found, printable(git.run("log", "-1", "--no-show-signature", "--format=%s", found), 200))
    if request.source is None:
        try:
            usable.top_of(request.here)
        except errors.BadRepository as refused:
            if refused.hint != usable.START:  # there is one, and git does not read it
                report.warn(f"of which commit this is will not be said: {refused.message} ({refused.hint})")
        return None
    try:
        return Source(CommitId.parse(request.source))  # CI knows it, and this folder is no clone of it
    except errors.UsageFault:
        raise errors.UsageFault(
            f"there is no commit {printable(request.source, 80)} in {request.here}",
            hint="give its whole id: --source COMMIT",
        ) from None


def _tell_older(request: Request, copy: Copy, source: Source | None, report: Report) -> None:
    """CI may run an old job again, and that may be meant: it is said, not refused."""
    said = copy.git.ask("log", "-1", "--no-show-signature", "--format=%b", "HEAD") or ""
    last = next((line.split(" ")[1] for line in said.split("\n") if line.startswith("Source: ")), "")
    git = Git(request.here)
    if not source or not CommitId.fits(last) or last == source.commit or git.commit(last) is None:
        return
    if git.is_ancestor(source.commit, last):
        report.warn(
            f"{source.commit[:12]} is older than what is stored there ({last[:12]}): it comes on top all the same"
        )


@dataclass(frozen=True, slots=True)
class _Made:
    added: Added
    fits: tuple[str, ...]
    settings: bool


def _release(request: Request, copy: Copy, source: Source | None, report: Report) -> _Made:
    depot = _opened(request, copy)
    proven = release.prove(depot, _made_of(request, depot.root), report=report)
    draft, said = proven.draft, source.line if source else ""
    settings = bool(copy.git.run("diff", "--name-only", "HEAD", "--"))
    if request.dry_run:
        added = Added(draft.manifest.release, depot.head(), bool(draft.same_as), draft.manifest)
    elif draft.same_as and settings:
        message = f"Take over the settings of {draft.manifest.app}\n" + (f"\n{said}\n" if said else "")
        made = commit(copy.git, Change(message, {PurePosixPath(FILE): (depot.root / FILE).read_bytes()}))
        added = Added(draft.same_as, made.commit, unchanged=True, manifest=draft.manifest, nameless=made.nameless)
    else:
        added = commit_release(depot, draft, report=report, said=said)
    return _Made(added, proven.fits, settings)


def _opened(request: Request, copy: Copy) -> Depot:
    """The copy as a deployment repository, with the source's settings; one that is empty is started with them."""
    place = copy.git.folder / FILE
    if request.settings is not None:
        try:
            raw = request.settings.read_bytes()
        except OSError as fault:
            raise errors.UsageFault(f"{request.settings}: {fault.strerror}", hint="--settings FILE") from None
        told = source_config.taken_over(raw, str(request.settings))
        if copy.git.commit("HEAD") is None:
            app = loads(told).app
            files: Mapping[PurePosixPath, bytes] = {PurePosixPath(FILE): told, **scaffold.around(app)}
            commit(copy.git, Change(f"Start the deployment repository of {app}\n", files))
        else:
            _in_the_copy(place, copy)
            _same_app(place, told, copy)
            place.write_bytes(told)
    elif not place.is_file():
        raise errors.BadRepository(
            f"{copy.remote} has no {FILE} on {copy.branch}, and there is none here to start it with",
            hint=f"name it: --settings FOLDER/{FILE}; or write one: edgedeploy ci init --app APP",
        )
    return Depot.open(copy.git.folder)


def _in_the_copy(place: Path, copy: Copy) -> None:
    """Raises BadRepository for an edgedeploy.toml that leads out of the repository, or is none: it is not ours to write."""
    if place.is_dir() or not place.resolve().is_relative_to(copy.git.folder.resolve()):
        raise errors.BadRepository(
            f"{FILE} of {copy.remote} is {'a folder' if place.is_dir() else 'a link out of the repository'}",
            hint=f"remove it there: git rm {FILE}",
        )


def _same_app(place: Path, told: bytes, copy: Copy) -> None:
    """Raises UsageFault where another app's releases would be replaced: a board would take this one for the next of those."""
    theirs = loads(place.read_bytes(), f"{FILE} in {copy.remote}").app if place.is_file() else None
    ours = loads(told).app
    if theirs not in (None, ours):
        raise errors.UsageFault(
            f"{copy.remote} holds releases of {theirs}, and these are the settings of {ours}",
            hint=f"give {ours} a repository (--to) or a branch (--branch) of its own",
        )


def _made_of(request: Request, repository: Path) -> release.Request:
    """What is not given is taken from the source's [build]."""
    settings = request.settings
    return release.Request(
        repository,
        request.kernel,
        request.ramdisk,
        request.slides,
        force=request.force,
        source=settings.parent if settings else request.here,
        build=loads(settings.read_bytes(), str(settings)).build if settings else None,
        command=f"edgedeploy store --to {shlex.quote(redacted(request.remote))}",
    )


@contextlib.contextmanager
def _there(remote: Remote, place: Path, report: Report, *, dry_run: bool) -> Iterator[Remote]:
    """The remote. A folder of this computer that is to be a repository is made one, and is gone again if nothing is stored.

    Only one called `NAME.git`: a slip is no wish.
    """
    folder = remote.folder
    if folder is None or folder.exists() or not folder.name.endswith(".git") or not folder.parent.is_dir():
        yield remote
        return
    made = place / "new.git" if dry_run else folder
    made.mkdir()
    try:
        Git(made).run("init", "--quiet", "--bare", "--initial-branch=main")
        report.note(f"{folder} {'would be' if dry_run else 'is'} new")
        yield Remote(str(made))
    except BaseException:
        if not Git(made).ask("for-each-ref"):  # and nobody else has stored there meanwhile
            shutil.rmtree(made, ignore_errors=True)
        raise


@contextlib.contextmanager
def _carried(
    request: Request, remote: Remote, place: Path
) -> Iterator[tuple[Mapping[str, str], Callable[[], contextlib.AbstractContextManager[None]]]]:
    """git's environment, and what puts a carrier's own words in the place of git's."""
    if not (request.key or request.host_keys):
        yield {}, contextlib.nullcontext
        return
    reached = remote.rewritten(Git(place))
    if not reached.by_ssh:
        what = "a deploy key" if request.key else "a host key"
        raise errors.UsageFault(f"{what} is for ssh, and {reached} is not reached by it", hint="--to git@HOST:PATH")
    with contextlib.ExitStack() as stack:
        short = place if Keeper.fits(place) else stack.enter_context(scratch.folder(_SHORT, _PREFIX))
        keeper = stack.enter_context(Keeper(short, request.key, request.host_keys))

        @contextlib.contextmanager
        def faults() -> Iterator[None]:
            keeper.failure = None
            try:
                yield
            except errors.BadRepository as refused:
                if keeper.failure is not None:
                    raise keeper.failure from None
                raise refused from None

        yield keeper.environment, faults
