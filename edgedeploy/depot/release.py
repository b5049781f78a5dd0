"""Makes a release: packs what was built, describes it in a manifest, and commits it in the original layout.

In two steps, so that a use case can look at the draft (does it fit?) before anything changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from edgedeploy.core import cpio, errors, names, release
from edgedeploy.core import project as configs
from edgedeploy.core.health import health_of
from edgedeploy.core.names import CommitId, ReleaseId, Sha256, UrlPath
from edgedeploy.core.packing import Codec
from edgedeploy.core.project import Config
from edgedeploy.core.release import Manifest
from edgedeploy.depot import artefacts, slides
from edgedeploy.depot.commit import Change, commit
from edgedeploy.depot.repo import Depot
from edgedeploy.ports.report import Report

# what the original repositories keep of a release whose artefacts are gone
_KEPT = ("manifest.json", "config.ml")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a release is made of."""

    kernel: Path
    ramdisk: Path | None = None
    slides: Path | None = None
    beside: Path | None = None
    """where the files of [health.serves] are; None: in the repository"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A release that is not committed. `same_as`: the current release, when a new one would change nothing."""

    manifest: Manifest
    files: Mapping[PurePosixPath, bytes]
    slides: PurePosixPath | None
    same_as: ReleaseId | None


@dataclass(frozen=True, slots=True)
class Added:
    """A release in the repository. `nameless`: git knew no author, so the commit carries our name."""

    release: ReleaseId
    commit: CommitId
    unchanged: bool
    manifest: Manifest
    nameless: bool = False


def add_release(
    depot: Depot,
    kernel: Path,
    ramdisk: Path | None = None,
    slides: Path | None = None,
    *,
    codec: Codec | None = None,
    release_id: ReleaseId | None = None,
    report: Report,
) -> Added:
    """Draft a release and commit it. Raises a kind of errors.UsageFault; then the repository is as before."""
    draft = draft_release(depot, Sources(kernel, ramdisk, slides), codec, release_id, report=report)
    return commit_release(depot, draft, report=report)


def draft_release(
    depot: Depot,
    sources: Sources,
    codec: Codec | None = None,
    release_id: ReleaseId | None = None,
    *,
    report: Report,
    now: datetime | None = None,
    sized: Callable[[int], None] = lambda _: None,
) -> Draft:
    """Pack and describe; nothing in the repository changes.

    `sized` is called with the unpacked size, in bytes, of the ramdisk with its slides, before anything is packed, which
    may take half a minute: what it raises ends that.
    """
    config = depot.config
    if sources.slides and not sources.ramdisk and config.runtime == release.XEN:
        raise errors.UsageFault(
            "slides need a ramdisk to go into",
            hint="add --ramdisk FILE (or [build] ramdisk = …), or leave the slides out there",
        )
    current = _current(depot)
    packed, serves = _as_one(depot, sources, codec, current, report, sized)
    bare = Manifest(
        app=config.app,
        release=release_id or ReleaseId("unnamed"),
        boards=config.boards,
        domain=config.domain,
        artefacts=tuple(one.artefact for one in packed),
        health=health_of(config, serves),
        swap=config.swap,
    )
    if current and _is_ours(depot, current.release) and content(bare) == content(current):
        return Draft(current, {}, None, current.release)
    manifest = _named(bare, release_id or _new_id(depot, bare, now or datetime.now(UTC)))
    _check_new(depot, manifest.release)
    folder = release.folder(manifest.release)
    files = {folder / one.artefact.file: one.data for one in packed}
    files[folder / "manifest.json"] = release.dumps(manifest)
    files[release.LATEST] = f"{manifest.release}\n".encode()
    # what the release was made from belongs into its commit, or nobody could make it again
    files[PurePosixPath(configs.FILE)] = (depot.root / configs.FILE).read_bytes()
    return Draft(manifest, files, _committed_with(depot, sources.slides, report), None)


def commit_release(depot: Depot, draft: Draft, *, report: Report, said: str = "") -> Added:
    """Commit a draft: its files and slides, and the removal of artefacts that are two releases old.

    `said` stands in the commit's message, too.
    """
    if draft.same_as:
        return Added(draft.same_as, depot.head(), unchanged=True, manifest=draft.manifest)
    manifest = draft.manifest
    sizes = ", ".join(f"{a.role} {a.packed_size} bytes packed, {a.size} unpacked" for a in manifest.artefacts)
    change = Change(
        message=f"Release {manifest.release} of {manifest.app}\n\n{sizes}\n" + (f"\n{said}\n" if said else ""),
        files=draft.files,
        remove=_outdated(depot, manifest.release),
        folders=(draft.slides,) if draft.slides else (),
    )
    with report.step(f"committing release {manifest.release}"):
        made = commit(depot.git, change)
    return Added(manifest.release, made.commit, unchanged=False, manifest=manifest, nameless=made.nameless)


def _as_one(
    depot: Depot, sources: Sources, codec: Codec | None, current: Manifest | None, report: Report,
    sized: Callable[[int], None],
) -> tuple[list[artefacts.Packed], dict[UrlPath, Sha256]]:  # fmt: skip
    """What is packed, and what the board is to find served: of the same slides, though each reads them for itself."""
    before = slides.digests(sources.slides) if sources.slides else {}
    packed = _pack(depot, sources, codec, current, report, sized)
    if sources.slides and slides.digests(sources.slides) != before:
        raise errors.UsageFault(f"{sources.slides} changed while it was packed", hint="try again")
    return packed, _serves(sources.beside or depot.root, depot.config, sources.slides, report)


def _current(depot: Depot) -> Manifest | None:
    latest = depot.latest()
    return depot.manifest(latest) if latest else None


def _is_ours(depot: Depot, wanted: ReleaseId) -> bool:
    # a release of the original scripts has no manifest.json, which the board wants: it is never "unchanged"
    return depot.has_manifest(wanted)


def _suffix(wanted: ReleaseId) -> str:
    return f" edgedeploy.release={wanted}"


def _named(bare: Manifest, wanted: ReleaseId) -> Manifest:
    """The manifest with its id, which a guest is told too (a program has it in its environment). Checked as the board will."""
    told = _suffix(wanted) if bare.domain.runtime == release.XEN else ""
    cmdline = names.CommandLine((bare.domain.cmdline + told).strip())
    named = replace(bare, release=wanted, domain=replace(bare.domain, cmdline=cmdline))
    return release.loads(release.dumps(named), f"the manifest of {wanted}")


def content(manifest: Manifest) -> str:
    """content_key without the release id that the command line ends in."""
    told = (" " + manifest.domain.cmdline).removesuffix(_suffix(manifest.release)).strip()
    return replace(manifest, domain=replace(manifest.domain, cmdline=names.CommandLine(told))).content_key


def _new_id(depot: Depot, bare: Manifest, now: datetime) -> ReleaseId:
    """UTC time, for people to read, and content, so that two laptops never give one id to two things."""
    wanted = ReleaseId(f"{now.astimezone(UTC):%Y%m%d-%H%M}-{content(bare)[:8]}")
    taken, number = set(depot.releases()), 1
    while (candidate := ReleaseId(f"{wanted}-{number}" if number > 1 else wanted)) in taken:
        number += 1
    return candidate


def _check_new(depot: Depot, wanted: ReleaseId) -> None:
    place = depot.root / release.folder(wanted)
    if wanted == release.LATEST.name or wanted in depot.releases() or place.exists():
        raise errors.UsageFault(f"there is a {release.folder(wanted)} already", hint="choose another --id")


def _pack(
    depot: Depot, sources: Sources, codec: Codec | None, current: Manifest | None, report: Report,
    sized: Callable[[int], None],
) -> list[artefacts.Packed]:  # fmt: skip
    named = depot.config.domain.name + (".xen" if depot.config.runtime == release.XEN else ".program")
    given = [("kernel", named, artefacts.read(sources.kernel))]
    if (ramdisk := ramdisk_of(sources, keep=True)) is not None:
        if sources.slides:
            sized(len(ramdisk))
        given.append(("ramdisk", "ramdisk.cpio", ramdisk))
    packed = []
    called = {} if depot.config.runtime == release.XEN else {"kernel": "program", "ramdisk": "program's files"}
    for role, stem, data in given:
        with report.step(f"packing the {called.get(role, role)}") as step:
            packed.append(artefacts.prepare(role, stem, data, codec, _earlier(depot, current, role)))
            artefact = packed[-1].artefact
            kept = artefact.size == artefact.packed_size
            step.detail("kept as it is" if kept else f"{artefact.size} -> {artefact.packed_size} bytes")
    return packed


def ramdisk_of(sources: Sources, *, keep: bool = False) -> bytes | None:
    """The ramdisk with the slides laid over it, where there are any, unpacked; None where there is neither.

    `keep`: one without slides is left packed as it came.
    """
    if sources.slides is None:
        raw = artefacts.read(sources.ramdisk) if sources.ramdisk else None
        return raw if keep or raw is None else artefacts.unpacked(raw, "ramdisk")
    base = artefacts.unpacked(artefacts.read(sources.ramdisk), "ramdisk") if sources.ramdisk else cpio.pack(())
    return slides.append(base, sources.slides)


def _earlier(depot: Depot, current: Manifest | None, role: str) -> artefacts.Earlier | None:
    found = next((a for a in current.artefacts if a.role == role), None) if current else None
    if current is None or found is None:
        return None
    return artefacts.Earlier(found, lambda: depot.artefact_bytes(current.release, found))


def _serves(root: Path, config: Config, folder: Path | None, report: Report) -> dict[UrlPath, Sha256]:
    if config.network is None:
        report.note("there is no [network] address: the board will only prove that the guest lives")
        return {}
    serves = slides.digests(folder) if folder else {}
    if folder and UrlPath("/") not in serves:
        report.warn(f"{folder} has no {slides.INDEX}: nothing is known of what / should serve")
    for url, source in config.health.serves.items():
        file = root / source
        if not file.is_file():
            raise errors.BadConfig(f"[health.serves] {url}: there is no file {source} in {root}")
        serves[url] = Sha256(artefacts.digest(artefacts.read(file)))
    return serves


def _committed_with(depot: Depot, folder: Path | None, report: Report) -> PurePosixPath | None:
    """The slides' folder in the repository: it is the release's source, and is committed with it."""
    if folder is None or not folder.resolve().is_relative_to(depot.root.resolve()):
        return None
    inside = PurePosixPath(folder.resolve().relative_to(depot.root.resolve()).as_posix())
    # check-ignore refuses to run with literal pathspecs, which git.py asks for everywhere
    if depot.git.ask("check-ignore", "--quiet", str(inside), env={"GIT_LITERAL_PATHSPECS": "0"}) is not None:
        report.note(f"{inside} is ignored by git: the slides are in the release, but not committed as files")
        return None
    return inside


def _outdated(depot: Depot, newest: ReleaseId) -> tuple[PurePosixPath, ...]:
    keep = {newest, depot.latest()}
    if depot.git.commit("HEAD") is None:
        return ()
    paths = [PurePosixPath(name) for name in depot.files("xen")]
    return tuple(p for p in paths if len(p.parts) > 2 and p.parts[1] not in keep and p.name not in _KEPT)
