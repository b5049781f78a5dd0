"""The same guest for the other two ways: the sample talk's kernel, its ramdisk with the slides, its memory."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench import slides
from bench.board import GATEWAY, GUESTS, MEMORY, Board
from edgedeploy.depot import slides as ramdisks


class Guest:
    """Kernel and ramdisk of the sample talk, with slides of their own to edit."""

    def __init__(self, board: Board, key: str) -> None:
        talk = board.folder / "decks"  # made by Ours
        self.kernel = (talk / "guest/vmlinuz").read_bytes()
        self._base = (talk / "guest/base.cpio").read_bytes()
        self._slides: Path = board.folder / f"slides-{key}"
        shutil.copytree(talk / "slides", self._slides)
        address = GUESTS[key]
        self.values = {
            "MEMORY": str(MEMORY),
            "EXTRA": f"console=hvc0 quiet ip={address}::{GATEWAY}:255.255.255.0::eth0:off",
            # edgedeploy gives a guest one address for ever, and so must the others here: QEMU's network believes
            # for good that an address is where it was seen first
            "MAC": f"00:16:3e:00:00:{int(address.rpartition('.')[2]):02x}",
        }

    def ramdisk(self, mark: str) -> bytes:
        """The ramdisk with the mark in a slide."""
        slides.edit(self._slides, mark)
        return ramdisks.append(self._base, self._slides)

    def fill(self, template: str, **more: str) -> str:
        """A domain configuration from a template with @NAMES@."""
        for name, value in (self.values | more).items():
            template = template.replace(f"@{name}@", value)
        return template
