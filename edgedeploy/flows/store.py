"""What CI runs: makes a release of what was built, and puts it into a deployment repository somewhere else, without force."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgedeploy.core import errors
from edgedeploy.core.names import CommitId, printable
from edgedeploy.depot import scaffold, source_config
from edgedeploy.depot.commit import Change, commit
from edgedeploy.depot.config import FILE, Build, loads
from edgedeploy.depot.git import Git
from edgedeploy.depot.release import Added, commit_release
from edgedeploy.depot.remote import Copy, Remote, redacted
from edgedeploy.depot.repo import Depot
from edgedeploy.flows import release
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
    source = source_of(request)
    with _scratch(Path(tempfile.gettempdir())) as scratch, _carried(request, remote, scratch) as (environment, faults):
        copy = Copy(remote, scratch / "copy", environment)
        with faults(), report.step(f"fetching {remote}"):
            _create(remote, report)
            copy.start(request.branch)
        for attempt in range(1, ATTEMPTS + 1):
            proven, added = _release(request, copy, source, report)
            stored = Stored(str(remote), copy.branch, added, proven.fits, source, attempt, request.dry_run)
            if added.unchanged or request.dry_run:
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


def source_of(request: Request) -> Source | None:
    """The commit that was built: as asked for, else what is checked out here; None where that is no git repository."""
    git = Git(request.here)
    wanted = request.source or "HEAD"
    found = git.commit(wanted)
    if found:
        return Source(found, printable(git.run("log", "-1", "--no-show-signature", "--format=%s", found), 200))
    if request.source is None:
        return None
    try:
        return Source(CommitId.parse(request.source))  # CI knows it, and this folder is no clone of it
    except errors.UsageFault:
        raise errors.UsageFault(
            f"there is no commit {printable(request.source, 80)} in {request.here}", hint="give its whole id: --source COMMIT"
        ) from None


def _release(request: Request, copy: Copy, source: Source | None, report: Report) -> tuple[release.Proven, Added]:
    depot = _opened(request, copy)
    proven = release.prove(depot, _made_of(request, depot.root), report=report)
    if request.dry_run:
        draft = proven.draft
        return proven, Added(draft.manifest.release, depot.head(), bool(draft.same_as), draft.manifest)
    return proven, commit_release(depot, proven.draft, report=report, said=source.line if source else "")


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
        elif not place.is_symlink():
            _same_app(place, told, copy)
            place.write_bytes(told)
    elif not place.is_file():
        raise errors.BadRepository(
            f"{copy.remote} has no {FILE} on {copy.branch}, and there is none here to start it with",
            hint=f"name it: --settings FOLDER/{FILE}; or write one: edgedeploy ci init --app APP",
        )
    return Depot.open(copy.git.folder)


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
    root, build = request.here, Build()
    if request.settings is not None:
        root, build = request.settings.parent, loads(request.settings.read_bytes(), str(request.settings)).build

    def chosen(given: Path | None, default: PurePosixPath | None) -> Path | None:
        return given or (root / default if default else None)

    return release.Request(
        repository,
        chosen(request.kernel, build.kernel),
        chosen(request.ramdisk, build.ramdisk),
        chosen(request.slides, build.slides),
        force=request.force,
        source=root,
        command=f"edgedeploy store --to {shlex.quote(redacted(request.remote))}",
    )


def _create(remote: Remote, report: Report) -> None:
    """A folder of this computer that is to be a repository is made one; only `NAME.git`, because a slip is no wish."""
    folder = remote.folder
    if folder is not None and not folder.exists() and folder.name.endswith(".git") and folder.parent.is_dir():
        folder.mkdir()
        Git(folder).run("init", "--quiet", "--bare", "--initial-branch=main")
        report.note(f"{folder} is new")


@contextlib.contextmanager
def _scratch(above: Path) -> Iterator[Path]:
    """A folder of our own until we are done; what a killed run left is removed by the next."""
    for left in above.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _held(left):  # somebody else's, or one that is at work
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=above) as made, _held(Path(made)):
        yield Path(made)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Raises OSError where another process holds it; a process that ends holds nothing."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def _carried(
    request: Request, remote: Remote, scratch: Path
) -> Iterator[tuple[Mapping[str, str], Callable[[], contextlib.AbstractContextManager[None]]]]:
    """git's environment, and what puts a carrier's own words in the place of git's."""
    if not remote.by_ssh or not (request.key or request.host_keys):
        if request.key:
            raise errors.UsageFault(f"a deploy key is for ssh, and {remote} is not reached by it", hint="--to git@HOST:PATH")
        yield {}, contextlib.nullcontext
        return
    with contextlib.ExitStack() as stack:
        place = scratch if Keeper.fits(scratch) else stack.enter_context(_scratch(_SHORT))
        keeper = stack.enter_context(Keeper(place, request.key, request.host_keys))

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
