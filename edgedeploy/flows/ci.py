"""Writes CI's own files into a source repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edgedeploy import __version__
from edgedeploy.core import errors, files
from edgedeploy.core.names import AppName
from edgedeploy.core.project import FILE, loads, relative_path
from edgedeploy.depot import ci_files, ci_forges, ci_table, scaffold, source_config, usable
from edgedeploy.depot.ci_table import Ci, Target
from edgedeploy.depot.git import Git
from edgedeploy.depot.remote import Remote
from edgedeploy.flows import init
from edgedeploy.ports.report import Report
from edgedeploy.wires.given_trust import GivenTrust

USUAL = "xen-armv7"
"""the target that is stored, where several are built and nobody says which"""
TARGETS = ("unix", USUAL, "xen-arm64")
"""those that are asked for"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What [ci] is to say where edgedeploy.toml has none: texts as typed. `builds`: target -> its command."""

    builds: Mapping[str, str] = field(default_factory=dict)
    test: str = ""
    store: str = ""
    deploy: str | None = None
    kernel: str | None = None
    branch: str | None = None
    host_keys: tuple[str, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether nothing was typed."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class Request:
    """Where, for which forge (None: as the repository looks), and `app` for a source without edgedeploy.toml."""

    folder: Path
    forge: str | None = None
    wanted: Wanted = field(default_factory=Wanted)
    app: init.Request | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The files that CI reads, and those of them that were not as they are now."""

    app: AppName
    forge: str
    files: tuple[PurePosixPath, ...]
    changed: tuple[PurePosixPath, ...]
    ci: Ci


def lacks_table(folder: Path) -> bool:
    """Whether edgedeploy.toml says nothing of CI yet, or is not there. Raises errors.BadConfig."""
    file = folder / FILE
    return not file.is_file() or ci_table.read(file.read_bytes(), str(file)) is None


def write(request: Request, *, report: Report) -> Written:
    """Write them. Raises UsageFault where a file is there that is not ours to replace, BadConfig for a fault in [ci]."""
    _check_top(request.folder)
    settings = _settings(request)
    ci = ci_table.read(settings, FILE)
    if ci is None:
        settings += b"\n" + ci_table.text(_table(request.wanted, settings)).encode()
        ci = ci_table.read(settings, FILE)
        assert ci is not None
    elif not request.wanted.says_nothing:
        raise errors.UsageFault(f"{FILE} has a [ci] already", hint="edit it there, then: edgedeploy ci init --force")
    GivenTrust.parse(ci.host_keys)
    if ci.store:
        Remote.parse(ci.store, request.folder)
    source_config.taken_over(settings, FILE)  # what `store` does with it: a fault is told here, not by the first push
    forge = request.forge or _forge(request.folder)
    app = loads(settings, FILE).app
    made = {path: text.encode() for path, text in ci_files.files(ci, app, forge, __version__).items()}
    wanted = {PurePosixPath(FILE): settings, **made}
    changed = tuple(path for path, data in wanted.items() if _content(request.folder / path) != data)
    _not_theirs(request, [path for path in changed if path in made])
    for path in changed:
        _put(request.folder, path, wanted[path])
    if ci.stored is None:
        report.note("nothing is stored: no target of [ci] has deploy = true")
    return Written(app, forge, tuple(made), changed, ci)


def _check_top(folder: Path) -> None:
    try:
        top = usable.top_of(folder)
    except errors.BadRepository as refused:
        if refused.hint != usable.START:
            raise
        raise errors.UsageFault(f"{folder} is in no git repository", hint="git init, in the folder of your source") from None
    if top.resolve() != folder.resolve():
        raise errors.UsageFault(f"CI reads its files at the top of the repository, {top}", hint=f"cd {top}")


def _put(folder: Path, path: PurePosixPath, data: bytes) -> None:
    mode = 0o755 if path == ci_files.SCRIPT else 0o644
    try:
        files.atomic_write(folder / path, data, mode, follow=path == PurePosixPath(FILE))
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise errors.UsageFault(
            f"{path} cannot be written: a folder is in its place, or a file in that of its folder",
            hint=f"look: ls -ld {path.parent} {path}",
        ) from None


def _settings(request: Request) -> bytes:
    file = request.folder / FILE
    if file.is_file():
        return file.read_bytes()
    if request.app is None:
        raise errors.UsageFault(
            f"there is no {FILE} in {request.folder}", hint="write one: edgedeploy ci init --app APP --board KIND"
        )
    return scaffold.settings(init.plan_of(request.app))


def _table(wanted: Wanted, settings: bytes) -> Ci:
    """[ci] as typed. Raises UsageFault for what is missing."""
    if not wanted.builds:
        raise errors.UsageFault(
            f"{FILE} has no [ci]: how is it built?", hint=f"edgedeploy ci init --build {USUAL}=make --store REMOTE"
        )
    stored = wanted.deploy or (USUAL if USUAL in wanted.builds else next(iter(wanted.builds)))
    if wanted.store and stored not in wanted.builds:
        raise errors.UsageFault(f"{stored} is stored, but not built", hint=f"--build {stored}=COMMAND")
    kernel = relative_path(wanted.kernel) if wanted.kernel else None
    if wanted.store and kernel is None and loads(settings, FILE).build.kernel is None:
        raise errors.UsageFault(f"which file does the build of {stored} make?", hint="--kernel FILE")
    targets = {
        name: Target(ci_table.target_name(name), command, wanted.test, kernel if wanted.store and name == stored else None)
        for name, command in wanted.builds.items()
    }
    branch = ci_table.branch_name(wanted.branch) if wanted.branch else ci_table.USUAL_BRANCH
    return Ci(tuple(targets.values()), targets[stored] if wanted.store else None, wanted.store, branch, wanted.host_keys)


def _forge(folder: Path) -> str:
    """Which one a repository is on, as it looks."""
    if (folder / ".github").is_dir():
        return "github"
    if (folder / ".gitlab-ci.yml").exists():
        return "gitlab"
    remotes = Git(folder).ask("config", "--get-regexp", r"^remote\..*\.url$") or ""
    return next((forge for forge in ci_forges.PLACES if forge in remotes), "script")


def _content(path: Path) -> bytes | None:
    try:
        return None if path.is_symlink() and path.name != FILE else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _not_theirs(request: Request, changed: list[PurePosixPath]) -> None:
    there = [str(path) for path in changed if os.path.lexists(request.folder / path)]
    if there and not request.force:
        raise errors.UsageFault(
            f"{' and '.join(there)} {'are' if len(there) > 1 else 'is'} there already, and would become another",
            hint="look at it first, or replace it: edgedeploy ci init --force",
        )
