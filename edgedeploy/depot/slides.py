"""A folder of slides: appended to a ramdisk as /www, and known file by file, so that a board can prove them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote

from edgedeploy.core import cpio, errors
from edgedeploy.core.names import Sha256, UrlPath, printable

PREFIX = "www"
INDEX = "index.html"
MOST_PROVEN = 50
_LITTER = {".git", ".gitignore", ".gitattributes", ".gitkeep", ".DS_Store", "Thumbs.db", "4913"}
_EDITORS = re.compile(r"\..*\.sw[a-p]|.*~|\.#.*|#.*#")
"""what vim and Emacs have lying beside a file that is being edited: no slide, and another one at each look"""
_CPIO = (b"070701", b"070702")
_ALIGN = 512


def append(ramdisk: bytes, folder: Path) -> bytes:
    """The ramdisk with the slides laid over it: Linux unpacks archives that lie end to end into one tree.

    Raises errors.UsageFault when the ramdisk is no initramfs, or the folder holds what no archive can.
    """
    if not ramdisk.startswith(_CPIO):
        raise errors.UsageFault(
            "the ramdisk is no initramfs (newc cpio): slides cannot be added to it",
            hint="leave --slides out, or build the ramdisk with: cpio -o -H newc",
        )
    _check(folder)
    try:
        entries = [e for e in cpio.entries_of_tree(folder, PREFIX) if not _litter(PurePosixPath(e.name))]
        archive = cpio.pack(entries)
    except UnicodeEncodeError as error:
        shown = printable(str(error.object), 200)
        raise errors.UsageFault(f"slides: {shown} has a name that is not UTF-8", hint="give it another name") from None
    except ValueError as error:
        raise errors.UsageFault(f"slides: {error}", hint="remove it from the folder") from None
    return ramdisk + bytes(-len(ramdisk) % _ALIGN) + archive


def digests(folder: Path) -> dict[UrlPath, Sha256]:
    """URL path -> SHA-256 of the slides, "/" first; at most MOST_PROVEN files beside it."""
    found: dict[UrlPath, Sha256] = {}
    index = folder / INDEX
    if index.is_file():
        found[UrlPath("/")] = _digest(index)
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        url = f"/{quote(relative.as_posix(), errors='surrogateescape')}"
        proven = file.is_file() and not file.is_symlink() and not _litter(relative)
        if proven and UrlPath.fits(url) and len(found) <= MOST_PROVEN:
            found[UrlPath(url)] = _digest(file)
    return found


def _litter(path: PurePath) -> bool:
    return any(part in _LITTER or _EDITORS.fullmatch(part) for part in path.parts)


def _digest(file: Path) -> Sha256:
    return Sha256(hashlib.sha256(file.read_bytes()).hexdigest())


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise errors.UsageFault(f"{folder} is not a folder", hint="--slides names the folder that is served")
    if (folder / ".git").exists():
        raise errors.UsageFault(
            f"{folder} is a whole repository",
            hint="put the slides into a folder of their own, such as slides/",
        )
