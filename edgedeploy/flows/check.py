"""Says whether a thing would run on a kind of board, without touching any board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedeploy.artefact import fit, probe
from edgedeploy.artefact.probe import Artefact
from edgedeploy.core.board import BoardFacts, Misfit, Profile
from edgedeploy.core.errors import DoesNotFit
from edgedeploy.profiles import catalog

DEFAULT_MEMORY_MB = 256
"""The same as core/xlconf.py takes for a template that names none."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to check: `target` as typed, the board's kind, and what overrides the target's own settings."""

    target: str
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


def resolve_target(request: Request) -> Target:
    """What the target is. The one place that knows the forms a target may have: the path of a kernel file."""
    return Target(Path(request.target), request.ramdisk, request.memory_mb or DEFAULT_MEMORY_MB, request.vcpus or 1)


def check(request: Request, *, boards: Path | None = None, live: BoardFacts | None = None) -> Result:
    """Check a target against a board profile (`boards`: an extra folder of them), and live facts where known.

    Raises BadConfig for the profile and UsageFault for files that cannot be read; a misfit is a result.
    """
    profile = catalog.load(request.board, boards)
    target = resolve_target(request)
    artefact = probe.inspect(target.kernel)
    ramdisk = probe.inspect(target.ramdisk) if target.ramdisk else None
    misfits = fit.check(artefact, profile, live, memory_mb=target.memory_mb, vcpus=target.vcpus, ramdisk=ramdisk)
    warnings: tuple[Misfit, ...] = ()
    if not misfits:
        warnings = fit.warnings(
            artefact, profile, live, memory_mb=target.memory_mb, vcpus=target.vcpus, ramdisk=ramdisk
        )
    return Result(artefact, ramdisk, profile, target.memory_mb, target.vcpus, misfits, warnings)
