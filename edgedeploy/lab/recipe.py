"""The recipe of the virtual board: the folders it lives in, its package list, and the hash that names its image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import edgedeploy
from edgedeploy.core import errors

BOARD = "virtual-armv7"
_PACKAGE = Path(edgedeploy.__file__).parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an image is built from."""

    board: Path
    """images/virtual-armv7"""
    guest: Path
    """images/decks/guest"""

    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with anything that changes the image."""
        code = [*sorted((_PACKAGE / "lab" / "bake").glob("*.py")), _PACKAGE / "core" / "cpio.py"]
        named = [*_named("board", self.board), *_named("guest", self.guest)]
        named += [(f"code/{path.name}", path) for path in code]
        return digest(named)


@dataclass(frozen=True, slots=True)
class Packages:
    """A parsed packages.txt."""

    wanted: tuple[str, ...]
    unused: frozenset[str]
    """resolved as dependencies, but not unpacked"""


def find() -> Recipe:
    """The recipe beside the package in a checkout, or inside it in an installed wheel. Raises errors.Bug if neither."""
    for images in (_PACKAGE.parent / "images", _PACKAGE / "data" / "images"):
        recipe = Recipe(images / BOARD, images / "decks" / "guest")
        if (recipe.board / "packages.txt").is_file() and recipe.guest.is_dir():
            return recipe
    raise errors.Bug(f"the recipe {BOARD} is missing from this installation", hint="install edgedeploy again")


def digest(files: Iterable[tuple[str, Path]]) -> str:
    """Hash names and contents. Modes are left out: they differ between a checkout and an unpacked wheel."""
    total = hashlib.sha256()
    for name, path in files:
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16]


def lines(text: str) -> list[str]:
    """The lines of one of the recipe's files, without comments and blanks."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def parse_packages(text: str) -> Packages:
    """Read packages.txt: names, and `-name` for what is not unpacked."""
    words = [word for line in lines(text) for word in line.split()]
    return Packages(
        tuple(dict.fromkeys(word for word in words if not word.startswith("-"))),
        frozenset(word[1:] for word in words if word.startswith("-")),
    )


def parse_modules(text: str) -> dict[str, list[str]]:
    """Read modules.txt: place -> the modules wanted there, in order."""
    places: dict[str, list[str]] = {}
    for line in lines(text):
        place, _, names = line.partition(":")
        places.setdefault(place.strip(), []).extend(names.split())
    return places


def _named(prefix: str, folder: Path) -> list[tuple[str, Path]]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".md")
    return [(f"{prefix}/{path.relative_to(folder).as_posix()}", path) for path in paths]
