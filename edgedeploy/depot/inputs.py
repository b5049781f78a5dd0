"""What has changed since a release: the files that the next one would be made of, compared with its manifest.

Nothing is packed and nothing probed, so that every `push` can ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from edgedeploy.core import errors
from edgedeploy.core import project as configs
from edgedeploy.core.health import health_of
from edgedeploy.core.names import Sha256, UrlPath
from edgedeploy.core.release import UNIX, Manifest
from edgedeploy.depot import artefacts, slides
from edgedeploy.depot.release import Sources, content, ramdisk_of
from edgedeploy.depot.repo import Depot


@dataclass(frozen=True, slots=True)
class Changed:
    """Files that differ, as a person names them; falsy when a new release would be the same one.

    `built`: those of them that git does not keep (kernel and ramdisk), and so may be older than the release.
    """

    files: tuple[str, ...] = ()
    built: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files)


def changed(depot: Depot, sources: Sources, release: Manifest) -> Changed:
    """Compare. Raises errors.UsageFault for a file that cannot be read, errors.BadConfig for a bad configuration."""
    known = release.health.serves if release.health else {}
    built = tuple(_built(depot, sources, release))
    files = [_named(depot, path) for path in built]
    if sources.slides and sources.ramdisk not in built and not _same_ramdisk(sources, release):
        folder = _named(depot, sources.slides)
        by_name = _urls(folder, slides.digests(sources.slides), known, depot.config) if known else []
        files += by_name or [f"{folder}/"]
    files += _proofs(depot, known)
    lost = bool(release.ramdisk and not _has_ramdisk(sources, release)) or (not files and _served_no_more(depot, sources, known))
    if lost or _configured(depot, release, known) != content(release):
        files.append(configs.FILE)
    return Changed(tuple(dict.fromkeys(files)), built)


def edited(depot: Depot, sources: Sources, release: Manifest) -> tuple[str, ...]:
    """What differs of all that git keeps, where kernel or ramdisk are not here to compare the rest."""
    known = release.health.serves if release.health else {}
    files = list(_proofs(depot, known))
    if sources.slides and sources.slides.is_dir():
        folder = _named(depot, sources.slides)
        now = slides.digests(sources.slides)
        files += _urls(folder, now, known, depot.config) if known else []
        files += [name for name in depot.since_release() if name.startswith(f"{folder}/")]
    if _configured(depot, release, known) != content(release):
        files.append(configs.FILE)
    return tuple(dict.fromkeys(files))


def _served_no_more(depot: Depot, sources: Sources, known: Mapping[UrlPath, Sha256]) -> bool:
    """Whether the release proves pages that nothing names any more: a line of [health.serves] was taken out."""
    now = slides.digests(sources.slides) if sources.slides else {}
    return bool({*known} - {*now} - {*depot.config.health.serves})


def _built(depot: Depot, sources: Sources, release: Manifest) -> Iterator[Path]:
    if _digest(sources.kernel, "kernel") != release.kernel.sha256:
        yield sources.kernel
    if sources.ramdisk is None or _same_ramdisk(sources, release):
        return
    if release.ramdisk is None or not sources.slides:
        yield sources.ramdisk
        return
    released = artefacts.unpacked(depot.artefact_bytes(release.release, release.ramdisk), "ramdisk")
    # what comes after it are the slides, which are told apart by name
    if not released.startswith(artefacts.unpacked(artefacts.read(sources.ramdisk), "ramdisk")):
        yield sources.ramdisk


def _digest(path: Path, role: str) -> str:
    return artefacts.digest(artefacts.unpacked(artefacts.read(path), role))


def _has_ramdisk(sources: Sources, release: Manifest) -> bool:
    """A program's files may be slides alone; a guest's are always laid over a ramdisk."""
    return bool(sources.ramdisk or (sources.slides and release.domain.runtime == UNIX))


def _same_ramdisk(sources: Sources, release: Manifest) -> bool:
    if release.ramdisk is None or not _has_ramdisk(sources, release):
        return release.ramdisk is None and not _has_ramdisk(sources, release)
    return artefacts.digest(ramdisk_of(sources) or b"") == release.ramdisk.sha256


def _urls(
    folder: str, now: Mapping[UrlPath, Sha256], known: Mapping[UrlPath, Sha256], config: configs.Config
) -> list[str]:
    """The slides that differ, of those that a release knows one by one."""
    urls = {url for url in {*now, *known} - {*config.health.serves} if url != "/" and now.get(url) != known.get(url)}
    return [f"{folder}/{unquote(url[1:])}" for url in sorted(urls)]


def _proofs(depot: Depot, known: Mapping[UrlPath, Sha256]) -> Iterator[str]:
    """Files of [health.serves] that differ."""
    for url, source in depot.config.health.serves.items():
        file = depot.root / source
        if not file.is_file():
            raise errors.BadConfig(f"[health.serves] {url}: there is no file {source} in {depot.root}")
        if depot.config.network and artefacts.digest(artefacts.read(file)) != known.get(url):
            yield str(source)


def _configured(depot: Depot, release: Manifest, known: Mapping[UrlPath, Sha256]) -> str:
    """The content of the release, had it been made with edgedeploy.toml as it is now."""
    config = depot.config
    return content(
        replace(release, app=config.app, boards=config.boards, domain=config.domain, health=health_of(config, known), swap=config.swap)
    )


def _named(depot: Depot, path: Path) -> str:
    """As it is called in the repository, where it lies in it."""
    root = depot.root.resolve()
    for place in (path.resolve(), path.absolute()):  # a folder that is a link has the link's name
        if place.is_relative_to(root):
            return str(PurePosixPath(place.relative_to(root)))
    return str(path)
