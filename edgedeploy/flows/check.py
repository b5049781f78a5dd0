"""Says whether a thing would run on a kind of board, without touching any board."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from edgedeploy.artefact import fit, probe
from edgedeploy.artefact.probe import Artefact
from edgedeploy.core import errors
from edgedeploy.core.board import HOST, BoardFacts, Misfit, Profile
from edgedeploy.core.errors import DoesNotFit
from edgedeploy.core.fit import DomainNeeds
from edgedeploy.core.release import UNIX, XEN
from edgedeploy.core.xllint import MEMORY_MB, Findings
from edgedeploy.profiles import catalog


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
    gic_version: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a target came down to: files, the guest they are for, and what its configuration gives cause to say."""

    kernel: Artefact
    ramdisk: Artefact | None
    domain: DomainNeeds
    findings: Findings


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict and everything it rests on. Empty `misfits`: it fits."""

    artefact: Artefact
    ramdisk: Artefact | None
    profile: Profile
    domain: DomainNeeds
    misfits: tuple[Misfit, ...]
    warnings: tuple[Misfit, ...]

    @property
    def fits(self) -> bool:
        """Whether it would run."""
        return not self.misfits

    def refusal(self) -> DoesNotFit:
        """The error for a verdict that is no: the verdict, a line for each misfit, then the warnings."""
        said = fit.refuse(self.artefact, self.profile, self.misfits, self.domain.runtime)
        what = self.artefact.program.what if self.domain.runtime == UNIX else self.artefact.description
        message = f"{self.artefact.name} does not fit {self.profile.name}; it is {what}"
        warned = tuple(f"warning: {warning.line()}" for warning in self.warnings)
        # each misfit says itself what to do; only for a kernel of another machine there is more to say
        hint = said.hint if self.profile.supported and "edgedeploy boards" in said.hint else ""
        return DoesNotFit(message, hint=hint, details=said.details + warned)


def resolve_target(request: Request) -> Target:
    """What the target is. The one place that knows a target's forms."""
    if os.path.isdir(request.target):
        target = _of_repository(request.target)
    else:
        runtime = UNIX if request.board == HOST else XEN
        target = Target(probe.inspect(request.target), None, DomainNeeds(MEMORY_MB, runtime=runtime), Findings())
    domain = replace(
        target.domain,
        memory_mb=request.memory_mb or target.domain.memory_mb,
        vcpus=request.vcpus or target.domain.vcpus,
        gic_version=request.gic_version or target.domain.gic_version,
    )
    ramdisk = probe.inspect(request.ramdisk, ramdisk=True) if request.ramdisk else target.ramdisk
    return replace(target, domain=domain, ramdisk=ramdisk)


def _of_repository(folder: Path) -> Target:
    from edgedeploy.depot import usable  # noqa: PLC0415 - git's libraries cost 80 ms, and a file needs none
    from edgedeploy.depot.repo import Depot  # noqa: PLC0415
    from edgedeploy.flows import fitness  # noqa: PLC0415

    try:
        depot = Depot.open(folder)
    except errors.BadRepository as error:
        none = error.hint == usable.START  # else there is one, and its own hint leads on
        hint = "name a kernel file, an app or a deployment repository" if none else error.hint
        raise errors.UsageFault(error.message, hint=hint, details=error.details) from None
    release = depot.latest()
    if release is None:
        raise errors.BadRepository(f"{depot.root} has no release yet", hint="edgedeploy release KERNEL")
    contents = depot.contents(release)
    files = fitness.inspect(depot.blob, contents)
    return Target(
        files["kernel"],
        files.get("ramdisk"),
        DomainNeeds.of(contents.domain, address=contents.address),
        contents.findings,
    )


def check(request: Request, *, boards: Path | None = None, live: BoardFacts | None = None) -> Result:
    """Check a target against a board profile (`boards`: an extra folder of them), and live facts where known.

    Raises BadConfig for the profile and UsageFault for files that cannot be read; a misfit is a result.
    """
    profile = catalog.load(request.board, boards)
    target = resolve_target(request)
    found = fit.check(target.kernel, profile, live, ramdisk=target.ramdisk, domain=target.domain)
    findings = target.findings.allowing(profile.passthrough)
    misfits = (*found, *findings.misfits)
    warnings = findings.warnings
    if all(
        misfit.code in fit.ABOUT_THE_GUEST for misfit in misfits
    ):  # of a kernel that never will, nothing else counts
        fields = {misfit.field for misfit in misfits}  # "24 MB is tight" adds nothing to "24 MB is too little"
        more = fit.warnings(target.kernel, profile, live, ramdisk=target.ramdisk, domain=target.domain)
        warnings = (*(warning for warning in more if warning.field not in fields), *warnings)
    domain = replace(target.domain, ramdisk_size=target.ramdisk.size if target.ramdisk else 0)
    return Result(target.kernel, target.ramdisk, profile, domain, misfits, warnings)
