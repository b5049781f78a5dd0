"""A deployment repository on the laptop: what is committed in it, and what a board lacks of it.

Releases are read from HEAD, never from the work tree: what goes to a board is a commit, and a person may have
half edited the rest. Only edgedeploy.toml is read as it stands, because the next release is made from it.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from edgedeploy.core import errors, names, original, packing, release
from edgedeploy.core import project as configs
from edgedeploy.core.names import CommitId, ReleaseId
from edgedeploy.core.release import Artefact, Domain, Manifest
from edgedeploy.core.xllint import Findings
from edgedeploy.depot import bundle, scaffold, usable
from edgedeploy.depot.commit import Change, Committed, commit
from edgedeploy.depot.git import Git
from edgedeploy.ports import folders

BRANCH = "main"
_NOT_RELEASED = ("xen/", "scripts/", "README", ".git")


@dataclass(frozen=True, slots=True)
class Contents:
    """A release, packed: what its guest is given, its files by role, and what to say of the domain's configuration.

    `manifest` is None for a release of the original scripts.
    """

    domain: Domain
    files: Mapping[str, PurePosixPath]
    findings: Findings
    manifest: Manifest | None = None
    address: str = ""
    """where the guest answers; "" where that is not known"""


class Depot:
    """One deployment repository. Every method may raise errors.BadRepository."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self.root = git.folder
        self._config: configs.Config | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """The repository that `path` lies in. Raises errors.BadRepository when it is none of ours."""
        if not path.is_dir():
            raise errors.BadRepository(f"{path} is not a folder", hint=usable.START)
        top = usable.top_of(path)
        depot = cls(Git(top))
        if not depot.has_config and depot.latest() is None:
            raise errors.BadRepository(
                f"{top} is a git repository, but has neither {configs.FILE} nor a committed {release.LATEST}",
                hint=_meant(path) or f"make it a deployment repository: edgedeploy init APP --add --dir {top}",
            )
        usable.check(depot.git)
        return depot

    @classmethod
    def init(cls, path: Path, plan: scaffold.Plan, *, add: bool = False) -> tuple[Self, Committed]:
        """Start a deployment repository at `path` with what `plan` says: see `begin`."""
        return cls.begin(path, plan.app, scaffold.files(plan), add=add)

    @classmethod
    def begin(
        cls, path: Path, app: names.AppName, files: Mapping[PurePosixPath, bytes], *, add: bool = False
    ) -> tuple[Self, Committed]:
        """Start a deployment repository at `path` and commit its first files; files that are there are kept.

        `add` allows a git repository that exists already. Raises errors.UsageFault for a folder in use.
        """
        usable.check_free(path, add=add)
        with ExitStack() as undo:
            if not path.exists():
                undo.callback(shutil.rmtree, path, ignore_errors=True)
                path.mkdir(parents=True)
            git = Git(path.resolve())
            if not (path / ".git").exists():
                undo.callback(shutil.rmtree, path / ".git", ignore_errors=True)
                git.run("init", "--quiet", f"--initial-branch={BRANCH}")
            depot = cls(git)
            usable.check(git)
            _ = depot.branch  # a detached HEAD is named before anything is written
            missing = {name: data for name, data in files.items() if not (path / name).exists()}
            made = commit(git, Change(f"Start the deployment repository of {app}\n", missing))
            undo.pop_all()
        return depot, made

    @property
    def has_config(self) -> bool:
        """Whether there is an edgedeploy.toml: original repositories have none."""
        return (self.root / configs.FILE).is_file()

    @property
    def config(self) -> configs.Config:
        """edgedeploy.toml as it stands. Raises errors.BadConfig for what is wrong in it."""
        if self._config is None:
            if not self.has_config:
                raise errors.BadRepository(
                    f"{self.root} has no {configs.FILE}", hint="add one: edgedeploy init APP --add --dir ."
                )
            file = self.root / configs.FILE
            self._config = configs.loads(file.read_bytes(), str(file))
        return self._config

    @property
    def app(self) -> names.AppName:
        """The app: edgedeploy.toml's, or in an original repository the VM's name."""
        if self.has_config:
            return self.config.app
        latest = self.latest()
        if latest is None:
            raise errors.BadRepository(f"{self.root} has no release yet", hint="edgedeploy release KERNEL")
        return self.manifest(latest).app if self.has_manifest(latest) else self._called(latest)

    def head(self) -> CommitId:
        """The commit that is checked out."""
        head = self.git.commit("HEAD")
        if head is None:
            raise errors.BadRepository(f"{self.root} has no commits yet", hint="edgedeploy release KERNEL")
        return head

    @property
    def branch(self) -> str:
        """The branch that is checked out."""
        branch = self.git.ask("symbolic-ref", "--short", "--quiet", "HEAD")
        if not branch:
            raise errors.BadRepository(f"{self.root} is not on a branch (detached HEAD)", hint=f"git switch {BRANCH}")
        return branch

    @property
    def lock(self) -> Path:
        """A file to lock while a release is made; in this clone, and never committed."""
        return self.root / self.git.run("rev-parse", "--git-path", "edgedeploy.lock")

    def released_at(self) -> int:
        """When the latest release was committed: seconds since 1970."""
        return int(self.git.run("log", "-1", "--no-show-signature", "--format=%ct", "--", str(release.LATEST)) or 0)

    def since_release(self) -> list[str]:
        """Files of the work tree that differ from the latest release's commit; what no release is made of left out."""
        made = self.git.run("log", "-1", "--no-show-signature", "--format=%H", "--", str(release.LATEST)) or "HEAD"
        differ = self.git.run("diff", "--name-only", "--no-renames", "-z", made, "--").split("\0")
        new = self.git.run("ls-files", "--others", "--exclude-standard", "-z").split("\0")
        return sorted({name for name in (*differ, *new) if name and not name.startswith(_NOT_RELEASED)})

    def latest(self) -> ReleaseId | None:
        """The release that the committed xen/latest names, None before the first."""
        raw = self.git.blob("HEAD", str(release.LATEST)) if self.git.commit("HEAD") else None
        if raw is None:
            return None
        try:
            return ReleaseId.parse(raw.decode("ascii", "replace").strip())
        except errors.UsageFault as error:
            raise errors.BadRepository(f"{release.LATEST}: {error.message}", hint=error.hint) from None

    def releases(self) -> list[ReleaseId]:
        """Every release that has a folder in HEAD, in git's order."""
        if self.git.commit("HEAD") is None:
            return []
        found = dict.fromkeys(PurePosixPath(name).parts[1] for name in self.files("xen") if name.count("/") > 1)
        return [ReleaseId(name) for name in found if ReleaseId.fits(name)]

    def files(self, folder: str) -> list[str]:
        """Paths of all committed files below `folder`."""
        return self.git.names("HEAD", folder)

    def manifest(self, wanted: ReleaseId) -> Manifest:
        """A release, from HEAD. Without a manifest.json it is read as the original scripts laid it out."""
        path = release.folder(wanted) / "manifest.json"
        raw = self.git.blob("HEAD", str(path))
        if raw is None:
            return self._derived(wanted)
        manifest = release.loads(raw, str(path))
        if manifest.release != wanted:
            raise errors.BadRepository(f"{path} is the manifest of {manifest.release}", hint="make a new release")
        return manifest

    def has_manifest(self, wanted: ReleaseId) -> bool:
        """Whether a release is ours; one of the original scripts has no manifest.json."""
        return self.git.blob("HEAD", str(release.folder(wanted) / "manifest.json")) is not None

    def contents(self, wanted: ReleaseId) -> Contents:
        """A release as it is committed, for a look at it: unlike `manifest`, nothing is unpacked or proven."""
        if self.has_manifest(wanted):
            manifest = self.manifest(wanted)
            files = {a.role: release.folder(wanted) / a.file for a in manifest.artefacts}
            return Contents(manifest.domain, files, self.leftover(manifest.kernel.file), manifest, manifest.address)
        found = self.as_original(wanted)
        address = found.health.address if found.health else ""
        return Contents(found.domain, {"kernel": found.kernel}, found.findings, address=address)

    def leftover(self, kernel: str) -> Findings:
        """What an xl.conf.in that is not read any more gave the guest (`kernel`: the release's file name)."""
        return original.leftover(self._blob, kernel)

    def blob(self, path: PurePosixPath) -> bytes:
        """A committed file."""
        data = self._blob(path)
        if data is None:
            raise errors.BadRepository(f"{path} is not committed", hint="make a new release: edgedeploy release KERNEL")
        return data

    def _blob(self, path: PurePosixPath) -> bytes | None:
        return self.git.blob("HEAD", str(path)) if self.git.commit("HEAD") else None

    def _small(self, path: PurePosixPath) -> bytes | None:
        raw = self._blob(path)
        if raw and len(raw) > original.LIMIT:  # as a board says it
            raise errors.BadRepository(f"{path} is {len(raw)} bytes long, at most {original.LIMIT} are read")
        return raw

    def as_original(self, wanted: ReleaseId) -> original.Original:
        """A release without a manifest.json, as the original scripts laid it out and as a board will read it, too."""
        return original.look(wanted, self._listing(wanted), self._small)

    def _listing(self, wanted: ReleaseId) -> list[PurePosixPath]:
        folder = release.folder(wanted)
        listing = [path for name in self.files(str(folder)) if (path := PurePosixPath(name)).parent == folder]
        if not listing:
            raise errors.BadRepository(
                f"there is no release {wanted} in {self.root}",
                hint="git log --oneline -- xen/latest shows the releases there were",
            )
        return listing

    def _called(self, wanted: ReleaseId) -> names.AppName:
        """The app of a repository that does not name it, by its VM. Asks nothing but the kernel's name: whoever wants back what was
        there before is not to be stopped by what is wrong with the latest."""
        return original.app_of(wanted, self._listing(wanted))

    def _derived(self, wanted: ReleaseId) -> Manifest:
        found = self.as_original(wanted)
        original.demand_read(found)
        try:
            kernel = original.unpack(found.kernel, io.BytesIO(self.blob(found.kernel)), io.BytesIO())
        except packing.PackingError as error:
            raise original.damaged(found.kernel, error) from None
        return found.manifest(wanted, kernel, found.app if found.named else self._called(wanted))

    def artefact_bytes(self, wanted: ReleaseId, artefact: Artefact) -> bytes:
        """An artefact as it is committed, packed."""
        return self.blob(release.folder(wanted) / artefact.file)

    def artefact_open(self, wanted: ReleaseId, artefact: Artefact) -> BinaryIO:
        """As `artefact_bytes`, to read and seek in."""
        return io.BytesIO(self.artefact_bytes(wanted, artefact))

    def bundle(self, have: Collection[CommitId], *, stored: bool = False) -> bytes | None:
        """What a board with the commits `have` lacks of this branch; None when it lacks nothing. See depot/bundle.py.

        Raises errors.BadRepository as `check_continues` does.
        """
        self.check_continues(have)
        head = self.head()
        if head in have:
            return None
        return bundle.make(self.git, head, self.branch, sorted(have), stored=stored)

    def shares(self, theirs: str) -> bool:
        """Whether a commit of a board's is of this branch: in its history, or beyond it."""
        head = self.head()
        return bool(theirs) and self.git.commit(theirs) == theirs and (
            self.git.is_ancestor(theirs, head) or self.git.is_ancestor(head, theirs)
        )

    @property
    def shallow(self) -> bool:
        """Whether this clone has not the whole history."""
        return self.git.run("rev-parse", "--is-shallow-repository") == "true"

    def continues(self, theirs: CommitId) -> bool:
        """Whether this branch's history goes on from a commit of a board's."""
        return self.git.commit(theirs) == theirs and self.git.is_ancestor(theirs, self.head())

    def common(self, theirs: CommitId) -> frozenset[CommitId]:
        """What this branch and a board's commit both go on from, as far as that is known here."""
        return frozenset(map(CommitId.parse, (self.git.ask("merge-base", "--all", "HEAD", theirs) or "").split()))

    def check_continues(self, have: Collection[CommitId], board: str = "") -> None:
        """Raise errors.BadRepository unless this branch's history goes on from all commits of a board's (by name, for hints)."""
        head, branch = self.head(), self.branch
        # what leads from the board's commits to ours is all that is sent; no more of the history needs to be here
        if have and all(map(self.continues, have)):
            return
        if self.shallow:
            lacks = "the board's commit is not in it" if have else "the board needs the whole history"
            raise errors.BadRepository(f"{self.root} is a shallow clone: {lacks}", hint="git fetch --unshallow")
        for theirs in sorted(have):
            if self.git.commit(theirs) != theirs:
                raise errors.BadRepository(
                    f"the board's {self.app} has commit {theirs[:12]}, which {self.root} does not have",
                    hint=f"somebody else pushed there: edgedeploy fetch{folders.typed(self.root)}{f' --on {board}' if board else ''}, "
                    "merge, then push again\n"
                    "it is another talk: give yours another name (app in edgedeploy.toml), or another board (--on)",
                )
            if self.git.is_ancestor(theirs, head):
                continue
            if self.git.is_ancestor(head, theirs):
                raise errors.BadRepository(
                    f"the board is ahead: it has commit {theirs[:12]}, and {branch} is still at {head[:12]}",
                    hint=f"git merge --ff-only {theirs[:12]}, then push again",
                )
            raise errors.BadRepository(
                f"the histories differ: the board has commit {theirs[:12]}, which is not part of {branch}",
                hint=f"keep both: git merge {theirs[:12]}\nput yours after: git rebase {theirs[:12]}",
            )


def _meant(path: Path) -> str:
    """The one deployment repository in a folder that is none itself, as a question; "" where there is not exactly one."""
    try:
        inside = [folder for folder in path.iterdir() if (folder / configs.FILE).is_file()]
    except OSError:
        inside = []
    return f"did you mean{folders.typed(inside[0])}?" if len(inside) == 1 else ""
