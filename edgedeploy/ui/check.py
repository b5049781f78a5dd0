"""Shows the verdict of a check: yes for people, either for programs. A no for people is shown as an error."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from edgedeploy.core.names import printable
from edgedeploy.flows.check import Result

_VERDICT, _WARNING = "1;32", "33"  # bold green, yellow. Not by rich: to import it takes a third of the whole check


def verdict(result: Result, out: TextIO | None = None) -> None:
    """Print that it fits, with what, and what to know about it: one line each."""
    stream = out or sys.stdout
    artefact, profile = result.artefact, result.profile
    domain = result.domain
    guest = f"{domain.memory_mb} MB and {domain.vcpus} virtual CPU{'s' if domain.vcpus > 1 else ''}"
    if domain.gic_version != "default":
        guest += f", GIC{domain.gic_version}"
    lines = [
        _styled(f"{artefact.name} fits {profile.name}", _VERDICT, stream),
        f"it is {artefact.description}, {_size(artefact.size, artefact.packed_size)}",
    ]
    if result.ramdisk:
        ramdisk = result.ramdisk
        lines.append(f"ramdisk {ramdisk.name}, {_size(ramdisk.size, ramdisk.packed_size)}")
    lines.append(f"checked with {guest}, against the profile of the {profile.title}")
    lines += [_styled(f"warning: {printable(one.line())}", _WARNING, stream) for one in result.warnings]
    print(*lines, sep="\n", file=stream)


def _styled(text: str, style: str, stream: TextIO) -> str:
    plain = not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{style}m{text}\x1b[0m"


def as_json(result: Result) -> dict[str, object]:
    """The verdict for a program. Sizes in bytes; `xen_guest` is null where it could not be found out."""
    artefact = result.artefact
    return {
        "fits": result.fits,
        "board": result.profile.name,
        "memory_mb": result.domain.memory_mb,
        "vcpus": result.domain.vcpus,
        "gic_version": result.domain.gic_version,
        "artefact": {
            "file": artefact.name,
            "kind": artefact.kind,
            "arch": artefact.arch,
            "codec": artefact.codec.value,
            "packed_size": artefact.packed_size,
            "size": artefact.size,
            "sha256": artefact.sha256,
            "xen_guest": artefact.xen_guest,
            "description": artefact.description,
        },
        "misfits": [misfit.to_plain() for misfit in result.misfits],
        "warnings": [warning.to_plain() for warning in result.warnings],
    }


def _size(size: int, packed: int) -> str:
    return f"{size:,} bytes" + (f" ({packed:,} packed)" if packed != size else "")
