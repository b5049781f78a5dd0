"""Remembers what a kernel file is: reading its code takes a small core some ten seconds, and its digest says it all.

Slides change, kernels seldom do: a push of new slides pays nothing. A damaged or foreign record is simply read anew,
and so is another agent's: its core.kernel may know more.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from edgedeploy.agent import version
from edgedeploy.core import files, kernel


def info(image: Path) -> kernel.KernelInfo:
    """What the kernel at `image` (a file named by its digest) is. Raises OSError."""
    record = record_of(image)
    try:
        return _from_plain(json.loads(record.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        with image.open("rb") as file:
            found = kernel.probe(file)
        files.atomic_write(record, json.dumps(_to_plain(found)).encode())
        return found


def record_of(image: Path) -> Path:
    """Where the answer for a kernel is kept."""
    return image.with_name(image.name + ".json")


def _to_plain(found: kernel.KernelInfo) -> dict[str, object]:
    return {**asdict(found), "marks": sorted(found.marks), "agent": version.digest()}


def _from_plain(data: dict[str, object]) -> kernel.KernelInfo:
    values = dict(data)
    if values.pop("agent") != version.digest():
        raise ValueError("another agent's record")
    tags = values["tags"]
    values |= {
        "kind": kernel.Kind(str(values["kind"])),
        "marks": frozenset(values["marks"]),  # type: ignore[call-overload]  # TypeError is caught: it is read anew
        "tags": kernel.LinuxTags(**tags) if isinstance(tags, dict) else None,
    }
    return kernel.KernelInfo(**values)  # type: ignore[arg-type]  # as above
