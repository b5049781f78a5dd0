"""Turns the files a person has into the artefacts a release holds: packed once, described exactly."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import cpio, errors, names, packing
from edgedeploy.core.packing import Codec
from edgedeploy.core.release import Artefact

DEFAULT_CODEC = Codec.XZ
_WORTH = 0.97
"""A zImage is packed inside: packing it again saves nothing, and costs the board time."""


@dataclass(frozen=True, slots=True)
class Packed:
    """An artefact, and its bytes as they are committed."""

    artefact: Artefact
    data: bytes


@dataclass(frozen=True, slots=True)
class Earlier:
    """An artefact of the current release, whose committed bytes can be had."""

    artefact: Artefact
    load: Callable[[], bytes]


def read(path: Path) -> bytes:
    """A source file, whole. Raises errors.UsageFault where it cannot be one."""
    try:
        size = path.stat().st_size
        if size > packing.LIMIT:
            raise errors.UsageFault(
                f"{path} has {size >> 20} MB, at most {packing.LIMIT >> 20} are taken",
                hint="is this a disk image?",
            )
        data = path.read_bytes()
    except OSError as error:
        raise errors.UsageFault(f"{path} cannot be read: {error.strerror}") from None
    if not data:
        raise errors.UsageFault(f"{path} is empty", hint="build it again")
    return data


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def unpacked(data: bytes, role: str) -> bytes:
    """The content of a file that may be packed. A ramdisk that goes on after its packed data is what it is.

    Raises errors.UsageFault naming `role`.
    """
    raw = io.BytesIO()
    try:
        packing.unpack(io.BytesIO(data), raw)
    except packing.PackingError as error:
        if role == "ramdisk" and cpio.goes_on(error):
            return data
        raise errors.UsageFault(f"the {role}: {error.message}", hint=error.hint) from None
    return raw.getvalue()


def prepare(role: str, stem: str, given: bytes, codec: Codec | None, earlier: Earlier | None) -> Packed:
    """Pack one artefact, or keep the packing it has.

    Content that the current release already holds keeps those bytes: then git stores, and the board receives,
    nothing new for it. Bytes that come packed stay as they are unless `codec` asks for another packing; those in zstd,
    which few boards can unpack, only where `codec` asks for that.
    """
    raw = unpacked(given, role)
    if earlier and earlier.artefact.sha256 == digest(raw) and codec in (None, earlier.artefact.codec):
        data = earlier.load()
        if digest(data) == earlier.artefact.packed_sha256:
            return _described(role, stem, Codec(earlier.artefact.codec), data, raw)
    came_as = packing.detect(given[:16])
    if raw == given or (came_as is Codec.ZST and codec is None):
        came_as = Codec.NONE  # zstd: we can unpack it; a board's Python, before 3.14, could not
    if came_as is not Codec.NONE and codec in (None, came_as):
        return _described(role, stem, came_as, given, raw)
    try:
        data = packing.pack(raw, codec or DEFAULT_CODEC)
    except packing.PackingError as error:
        raise errors.UsageFault(f"the {role}: {error.message}", hint=error.hint) from None
    if codec is None and len(data) > _WORTH * len(raw):
        return _described(role, stem, Codec.NONE, raw, raw)
    return _described(role, stem, codec or DEFAULT_CODEC, data, raw)


def _described(role: str, stem: str, codec: Codec, data: bytes, raw: bytes) -> Packed:
    artefact = Artefact(
        role=role,
        file=names.FileName.parse(f"{stem}{codec.suffix}"),
        codec=codec.value,
        packed_size=len(data),
        packed_sha256=names.Sha256(digest(data)),
        size=len(raw),
        sha256=names.Sha256(digest(raw)),
    )
    return Packed(artefact, data)
