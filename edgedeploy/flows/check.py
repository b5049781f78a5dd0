"""Says whether a thing would run on a kind of board, without touching any board."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.artefact import fit, probe
from edgedeploy.artefact.probe import Artefact
from edgedeploy.core import errors
from edgedeploy.core.board import BoardFacts, Misfit, Profile
from edgedeploy.core.errors import DoesNotFit
from edgedeploy.depot.repo import Depot
from edgedeploy.profiles import catalog

DEFAULT_MEMORY_MB = 256
"""The same as core/xlconf.py takes for a template that names none."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to check: the board's kind, and what overrides the target's own settings.

    `target` is a kernel file, or a deployment repository: then it is the release that HEAD names.
    """

    target: Path
    board: str
    ramdisk: Path | None = None
    memory_mb: int | None = None
    vcpus: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a target came down to: files to read, and the guest they are for."""

    kernel: Path
    ramdisk: Path | None
    memory_mb: int
    vcpus: int


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict and everything it rests on. Empty `misfits`: it fits."""

    artefact: Artefact
    ramdisk: Artefact | None
    profile: Profile
    memory_mb: int
    vcpus: int
    misfits: tuple[Misfit, ...]
    warnings: tuple[Misfit, ...]

    @property
    def fits(self) -> bool:
        """Whether it would run."""
        return not self.misfits

    def refusal(self) -> DoesNotFit:
        """The error for a verdict that is no."""
        return fit.refuse(self.artefact, self.profile, self.misfits)


def resolve_target(request: Request, folder: Path) -> Target:
    """What the target is; artefacts of a repository are written to `folder`. The one place that knows a target's forms."""
    if not request.target.is_dir():
        memory_mb = request.memory_mb or DEFAULT_MEMORY_MB
        return Target(request.target, request.ramdisk, memory_mb, request.vcpus or 1)
    try:
        depot = Depot.open(request.target)
    except errors.BadRepository as error:
        raise errors.UsageFault(error.message, hint="name a kernel file, an app or a deployment repository") from None
    release = depot.latest()
    if release is None:
        raise errors.BadRepository(f"{depot.root} has no release yet", hint="edgedeploy release KERNEL")
    manifest = depot.manifest(release)
    paths = {}
    for artefact in manifest.artefacts:
        paths[artefact.role] = folder / artefact.file
        paths[artefact.role].write_bytes(depot.artefact_bytes(release, artefact))
    domain = manifest.domain
    ramdisk = request.ramdisk or paths.get("ramdisk")
    return Target(paths["kernel"], ramdisk, request.memory_mb or domain.memory_mb, request.vcpus or domain.vcpus)


def check(request: Request, *, boards: Path | None = None, live: BoardFacts | None = None) -> Result:
    """Check a target against a board profile (`boards`: an extra folder of them), and live facts where known.

    Raises BadConfig for the profile and UsageFault for files that cannot be read; a misfit is a result.
    """
    profile = catalog.load(request.board, boards)
    with tempfile.TemporaryDirectory() as folder:
        target = resolve_target(request, Path(folder))
        artefact = probe.inspect(target.kernel)
        ramdisk = probe.inspect(target.ramdisk) if target.ramdisk else None
    misfits = fit.check(artefact, profile, live, memory_mb=target.memory_mb, vcpus=target.vcpus, ramdisk=ramdisk)
    warnings: tuple[Misfit, ...] = ()
    if not misfits:
        warnings = fit.warnings(
            artefact, profile, live, memory_mb=target.memory_mb, vcpus=target.vcpus, ramdisk=ramdisk
        )
    return Result(artefact, ramdisk, profile, target.memory_mb, target.vcpus, misfits, warnings)
