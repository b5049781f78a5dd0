"""Makes a release of what was built, once it is proven to fit the kinds of board that the app is meant for."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from edgedeploy.artefact import fit, probe
from edgedeploy.core import errors, files, packing
from edgedeploy.core.board import Misfit, Profile, host
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.names import ReleaseId
from edgedeploy.core.project import FILE, Build
from edgedeploy.core.release import UNIX, Manifest
from edgedeploy.depot import buildtable, fetched, runtimeline, served
from edgedeploy.depot.git import Git
from edgedeploy.depot.release import Added, Draft, Sources, commit_release, draft_release
from edgedeploy.depot.repo import Depot
from edgedeploy.depot.served import Doubt
from edgedeploy.depot.slides import INDEX
from edgedeploy.flows.init import tell_nameless
from edgedeploy.ports import folders
from edgedeploy.ports.report import Report
from edgedeploy.profiles import catalog


@dataclass(frozen=True, slots=True)
class Request:
    """What to release; what is None comes from [build] in edgedeploy.toml. `force` releases what does not fit."""

    repository: Path
    kernel: Path | None = None
    ramdisk: Path | None = None
    slides: Path | None = None
    codec: packing.Codec | None = None
    release: ReleaseId | None = None
    force: bool = False
    source: Path | None = None
    """a folder that the files of [health.serves] are in, when that is not the repository; the slides may be in its repository"""
    build: Build | None = None
    """[build] of that folder's own edgedeploy.toml, in place of the repository's"""
    runtime: str = ""
    """what edgedeploy.toml is to say from now on, "" for what it says"""
    command: str = "edgedeploy release"
    """what was typed, for hints"""


@dataclass(frozen=True, slots=True)
class Proven:
    """A release that could be committed, and the profiles that it fits."""

    draft: Draft
    fits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """The release, where it is, and the profiles that it was proven to fit."""

    added: Added
    path: Path
    fits: tuple[str, ...]

    @property
    def manifest(self) -> Manifest:
        """What was released."""
        return self.added.manifest


def make(request: Request, *, report: Report) -> Released:
    """Draft, check, commit. Raises DoesNotFit, BadRepository or UsageFault; then the repository is as before."""
    depot = Depot.open(request.repository)
    with files.locked(depot.lock, "edgedeploy release"), _saying_runtime(depot, request.runtime, report) as depot:
        proven = prove(depot, request, report=report)
        draft = _with_build(depot, proven.draft, request, report)
        added = commit_release(depot, draft, report=report)
    if added.nameless:
        tell_nameless(depot.git, report)
    return Released(added, depot.root, proven.fits)


@contextlib.contextmanager
def _saying_runtime(depot: Depot, runtime: str, report: Report) -> Iterator[Depot]:
    """With edgedeploy.toml as it is to be; put back as it was where no release comes of it."""
    if not runtime or depot.config.runtime == runtime:
        yield depot
        return
    file = depot.root / FILE
    before = file.read_bytes()
    text = runtimeline.saying(before.decode(errors="surrogateescape"), runtime)
    files.atomic_write(file, text.encode(errors="surrogateescape"))
    try:
        yield Depot.open(depot.root)
    except BaseException:
        files.atomic_write(file, before)
        raise
    more = ", and what is for guests of Xen is commented out there" if runtime == UNIX else ""
    report.note(f'{FILE} says runtime = "{runtime}" now{more}')


def prove(depot: Depot, request: Request, *, report: Report) -> Proven:
    """The release, described and checked; nothing in the repository changes. Raises as `make`."""
    sources = sources_of(depot, request)
    where = "" if request.source else folders.typed(depot.root)
    force = f"{request.command} --force{where and ' --repo' + where}"
    if sources.slides and depot.config.health.path == "/" and not request.force:
        _first_page(sources.slides / INDEX, force)
    if sources.slides:
        doubts = served.doubts(_around(depot, request), sources.slides)
        _nothing_else(doubts, depot.config.runtime)
        _as_served(doubts, None if request.force else force, report)
    profiles = [catalog.load(name) for name in depot.config.boards]
    if not profiles and depot.config.runtime == UNIX:
        profiles = [host()]  # whether it is a program at all needs no board to be known
    for warning in depot.leftover(sources.kernel.name).warnings:
        report.warn(warning.line())
    if not profiles:
        report.note(f"{FILE} names no boards: nothing is checked before the push")
    # the kernel alone first: it is what most often is wrong, and packing takes a while
    fits = _prove(depot, sources, None, profiles, force=request.force, report=report, last=not sources.ramdisk)

    def sized(size: int) -> None:
        if not request.force:
            _prove(depot, sources, size, profiles, force=False, report=report, last=False)

    draft = draft_release(depot, sources, request.codec, request.release, report=report, sized=sized)
    if draft.manifest.ramdisk:
        size = draft.manifest.ramdisk.size
        fits = _prove(depot, sources, size, profiles, force=request.force, report=report, last=True)
    return Proven(draft, fits)


def _around(depot: Depot, request: Request) -> Git:
    """The repository that the slides usually lie in."""
    top = Git(request.source).ask("rev-parse", "--show-toplevel") if request.source else None
    return Git(Path(top)) if top else depot.git


def _first_page(index: Path, force: str) -> None:
    """Raises BadRepository where a visitor would see nothing: told here, and not by an outage."""
    if index.is_file() and index.stat().st_size:
        return
    raise errors.BadRepository(
        f"{index} is {'empty' if index.is_file() else 'not there'}: the talk would have no first page",
        hint=f"write it, or have the last one back: git -C {shlex.quote(str(index.parent))} checkout HEAD -- {index.name}   "
        f"or release it all the same: {force}",
    )


def _nothing_else(doubts: list[Doubt], runtime: str) -> None:
    """Inside a guest such a link leads nowhere; a program would serve what it leads to. Raises BadRepository."""
    out = [doubt.message.partition(":")[0] for doubt in doubts if doubt.leads_out]
    if out and runtime == UNIX:
        raise errors.BadRepository(
            f"{out[0]}: a program could serve what it leads to, and no board takes that",
            hint="put a copy there in place of the link",
            details=tuple(out[1:]),
        )


def _as_served(doubts: list[Doubt], force: str | None, report: Report) -> None:
    """Warns of what is not as it seems. Raises BadRepository where something of the talk is not here, with `force` as the
    command that overrules it; None: it was given.
    """
    missing = [doubt for doubt in doubts if doubt.missing]
    for doubt in doubts:
        if force is None or not doubt.missing:
            report.warn(f"{doubt.message}{f' ({doubt.hint})' if doubt.hint else ''}")
    if missing and force is not None:
        raise errors.BadRepository(
            missing[0].message,
            hint=f"{missing[0].hint}   or release it all the same: {force}",
            details=tuple(doubt.message for doubt in missing[1:]),
        )


def _with_build(depot: Depot, draft: Draft, request: Request, report: Report) -> Draft:
    """The draft, with what the release was made of in [build]: then `push` can make the next one by itself.

    All of it or nothing: `push` would make a release without what is missing there.
    """
    given = {"kernel": request.kernel, "ramdisk": request.ramdisk, "slides": request.slides}
    paths = {key: _inside(depot, path) for key, path in given.items() if path}
    if draft.same_as or not paths:
        return draft
    if outside := [given[key] for key, path in paths.items() if path is None]:
        report.note(
            f"{outside[0]} is not in {depot.root}: `edgedeploy push` cannot make the next release of it; "
            "put it there and release it once more, or push with --no-release"
        )
        return draft
    file = PurePosixPath(FILE)
    text = draft.files[file].decode(errors="surrogateescape")  # a comment may be anything
    filled = buildtable.filled(text, {key: path for key, path in paths.items() if path})
    if filled == text:
        return draft
    report.note(
        f"[build] in {FILE} now says what this was made of: from here on `edgedeploy push` releases what you change"
    )
    return replace(draft, files={**draft.files, file: filled.encode(errors="surrogateescape")})


def _inside(depot: Depot, path: Path) -> PurePosixPath | None:
    """The path in the repository, None for one outside. A link stays one: whatever it leads to later is meant."""
    place = path.parent.resolve() / path.name
    root = depot.root.resolve()
    return PurePosixPath(place.relative_to(root).as_posix()) if place.is_relative_to(root) and place != root else None


def sources_of(depot: Depot, request: Request) -> Sources:
    """What a release is made of: as asked for, else as [build] says. Raises UsageFault where no kernel is named."""
    build, root = depot.config.build, depot.root
    if request.build is not None and request.source is not None:
        build, root = request.build, request.source

    def chosen(given: Path | None, default: PurePosixPath | None) -> Path | None:
        return given or (root / default if default else None)

    kernel = chosen(request.kernel, build.kernel)
    if kernel is None:
        raise errors.UsageFault(
            "which kernel?", hint=f"{request.command} KERNEL, or name it in {FILE}: [build] kernel = …"
        )
    ramdisk, slides = chosen(request.ramdisk, build.ramdisk), chosen(request.slides, build.slides)
    named = [path for path in (kernel, ramdisk, slides, *(root / path for path in depot.config.health.serves.values())) if path]
    if request.source is None and (led := fetched.led_out(depot, named)):
        raise errors.BadRepository(
            f"{led} is a link to {led.resolve()}, and this repository came from a board: that is not taken into a release",
            hint="is it meant? put the content there in place of the link",
        )
    return Sources(kernel, ramdisk, slides, request.source)


def _prove(
    depot: Depot,
    sources: Sources,
    ramdisk_size: int | None,
    profiles: list[Profile],
    *,
    force: bool,
    report: Report,
    last: bool,
) -> tuple[str, ...]:
    """The profiles that kernel and, of a known size (bytes, unpacked, with its slides), ramdisk fit. Raises DoesNotFit unless
    `force`. `last`: nothing more is looked at after this, so that it is the time for warnings.
    """
    domain = DomainNeeds.of(depot.config.domain)
    kernel = probe.inspect(sources.kernel)
    ramdisk = None
    if ramdisk_size is not None and sources.ramdisk:
        ramdisk = replace(probe.inspect(sources.ramdisk, ramdisk=True), size=ramdisk_size)
    fits = []
    warned: dict[Misfit, None] = {}
    for profile in profiles:
        misfits = fit.check(kernel, profile, ramdisk=ramdisk, domain=domain)
        if not misfits:
            fits.append(profile.name)
            if last:
                warned |= dict.fromkeys(fit.warnings(kernel, profile, ramdisk=ramdisk, domain=domain))
        elif not force:
            raise fit.refuse(kernel, profile, misfits, domain.runtime)
        elif last:
            report.warn(f"does not fit {profile.name}: {'; '.join(misfit.line() for misfit in misfits)}")
    for warning in warned:
        report.warn(warning.line())
    return tuple(fits)
