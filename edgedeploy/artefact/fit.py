"""core/fit.py for files: kernel and ramdisk together, and the error a person sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgedeploy.artefact.probe import Artefact
from edgedeploy.core import errors, fit, fitprogram
from edgedeploy.core import ramdisk as rules
from edgedeploy.core.board import BoardFacts, Misfit, Profile
from edgedeploy.core.packing import Codec
from edgedeploy.core.release import UNIX, XEN
from edgedeploy.ports.folders import word

ABOUT_THE_GUEST = {
    "guest-memory", "host-memory", "vcpus", "ramdisk", "bridge", "address", "address-taken", "gic-version",
    "passthrough", "disk", "device", "guest-type", "option-value", "no-runtime",
}  # fmt: skip
"""Codes that are not about what the kernel file is."""
_ABOUT_THE_MACHINE = {"wrong-arch", "arm64-on-armv7", "arm32-unsupported"}


def check(
    artefact: Artefact,
    profile: Profile,
    live: BoardFacts | None = None,
    *,
    memory_mb: int = 0,
    vcpus: int = 1,
    ramdisk: Artefact | None = None,
    domain: fit.DomainNeeds | None = None,
) -> tuple[Misfit, ...]:
    """Every reason why this kernel, with this ramdisk and memory, cannot run on the board. Empty: it fits.

    `domain` says all that the guest is given, and then memory_mb and vcpus are not looked at.
    """
    needs = _needs(domain or fit.DomainNeeds(memory_mb, vcpus), ramdisk)
    if needs.runtime == UNIX:
        found = list(fitprogram.check(artefact.program, needs, profile, live))
    else:
        found = list(fit.check(artefact.kernel, needs, profile, live))
    if artefact.fault:
        found = [artefact.fault, *(misfit for misfit in found if misfit.code in {"board-cannot", *ABOUT_THE_GUEST})]
    if ramdisk and profile.supported:
        found += _ramdisk(ramdisk)
    return tuple(found)


def warnings(
    artefact: Artefact,
    profile: Profile,
    live: BoardFacts | None = None,
    *,
    memory_mb: int = 0,
    vcpus: int = 1,
    ramdisk: Artefact | None = None,
    domain: fit.DomainNeeds | None = None,
) -> tuple[Misfit, ...]:
    """What a person should know although it fits."""
    needs = _needs(domain or fit.DomainNeeds(memory_mb, vcpus), ramdisk)
    found = fit.warnings(artefact.kernel, needs, profile, live) if needs.runtime == XEN else ()
    if live is None or live.bridges is None:
        found = (*found, *_other_bridges(needs.bridges, profile))
    if ramdisk and "joined" in ramdisk.kernel.marks:
        found = (*found, _joined(ramdisk))
    return (*found, *(_board_codec(one) for one in (artefact, ramdisk) if one and one.codec is Codec.ZST))


def _other_bridges(bridges: Sequence[str], profile: Profile) -> Iterator[Misfit]:
    for bridge in dict.fromkeys(bridges):
        if profile.bridge and bridge != profile.bridge:
            said = f"{bridge}, while the usual one on {profile.name} is {profile.bridge}; which the board has is not known here"
            yield Misfit("bridge-differs", "network bridge", "", said, "Nothing to do if the board has it: a push asks the board")


def _joined(ramdisk: Artefact) -> Misfit:
    said = f"{ramdisk.name} is {ramdisk.description}: it stays as it is, and the guest's kernel has to unpack it"
    return Misfit("ramdisk-joined", "ramdisk", "", said, "Linux does, where it was built with that packing")


def _board_codec(artefact: Artefact) -> Misfit:
    said = f"{artefact.name} is packed with zstd, which a board unpacks only with Python 3.14 or later"
    return Misfit("codec-on-board", "packing", "", said, "`edgedeploy release` repacks it; elsewhere use .xz or .bz2")


def refuse(
    artefact: Artefact, profile: Profile, misfits: Sequence[Misfit], runtime: str = XEN
) -> errors.DoesNotFit:
    """The error to raise for what `check` found: what the file is (to this runtime), what the board runs, a line for each."""
    first = misfits[0]
    said = f"{artefact.name} is {artefact.description}"
    hint = "`edgedeploy check` says when it fits"
    if artefact.path.exists():  # else it was a copy of what is in the repository
        hint = f"put another in its place; when it fits says: edgedeploy check {word(artefact.path)} --board {profile.name}"
    if first.code == "no-runtime":
        message, hint = f"it is released for {first.wanted}, and {first.found}", first.hint
    elif runtime == UNIX:
        message, hint = f"{artefact.name} is {artefact.program.what}; it cannot run on {profile.name}", first.hint
    elif first.code == "board-cannot":
        message = f"{said}; a {profile.title} runs no Xen guests"
    elif first.code in _ABOUT_THE_MACHINE:
        message = f"{said}; {profile.name} runs {profile.runs}"
    elif first.code in ABOUT_THE_GUEST:
        hint = "change what is named above, in edgedeploy.toml or in what the release is made of"
        message = f"{said}; with what it is given it does not fit {profile.name}"
    else:
        message = f"{said}; it cannot run on {profile.name}"
    if runtime == XEN and first.code in {"board-cannot", *_ABOUT_THE_MACHINE}:
        hint = "`edgedeploy boards` lists the boards and what they run"
    return errors.DoesNotFit(message, hint=hint, details=tuple(misfit.line() for misfit in misfits))


def _needs(domain: fit.DomainNeeds, ramdisk: Artefact | None) -> fit.DomainNeeds:
    # a packed ramdisk counts unpacked: the agent, or the guest's kernel, unpacks it
    return replace(domain, ramdisk_size=ramdisk.size if ramdisk else 0)


def _ramdisk(ramdisk: Artefact) -> list[Misfit]:
    if ramdisk.fault:
        fault = ramdisk.fault
        return [Misfit("ramdisk", "ramdisk", "", f"{ramdisk.name}: {fault.found}", fault.hint)]
    return [*rules.misfits(ramdisk.kernel, ramdisk.name)]
