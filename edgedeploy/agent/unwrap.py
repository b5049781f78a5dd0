"""What came over a slow line is packed a second time: unpacked here, bounded, before git sees it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edgedeploy.agent import facts
from edgedeploy.core import errors, packing

MARGIN = 16 << 20
"""bytes of disk that must stay free: logs and state must still be writable"""


@contextlib.contextmanager
def plain(bundle: Path) -> Iterator[Path]:
    """The bundle as git reads it; what is unpacked for that is gone afterwards.

    Raises NoRoom when the disk cannot hold it, BadRepository for what cannot be unpacked.
    """
    with bundle.open("rb") as packed:
        codec = packing.detect(packed.read(16))
        if codec is packing.Codec.NONE:
            yield bundle
            return
        packed.seek(0)
        unpacked = bundle.with_name(f"{bundle.name}.{os.getpid()}.plain")
        try:
            room = facts.free_disk(bundle.parent) - MARGIN
            _unpack(packed, unpacked, room)
            yield unpacked
        finally:
            unpacked.unlink(missing_ok=True)


def _unpack(packed: BinaryIO, target: Path, room: int) -> None:
    limit = min(packing.LIMIT, room)
    try:
        with target.open("wb") as file:
            packing.unpack(packed, file, limit=max(0, limit))
    except packing.PackingError as error:
        if error.code == "bomb" and limit == room:
            raise errors.NoRoom(
                "the board's disk cannot hold what was sent once it is unpacked",
                hint="edgedeploy-agent gc APP on the board, or remove files there",
            ) from None
        raise errors.BadRepository(f"what was sent cannot be unpacked: {error.message}", hint="push again") from None
