"""The slides as they will be served: what an author sees at home and an audience would not.

A pointer of git-lfs in place of a picture, a submodule that was never checked out, a link that leads nowhere inside the guest.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from edgedeploy.depot.git import Git

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: the key "version" comes first; all of a pointer is below 1,024 bytes
_POINTER = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_POINTER_BELOW = 1024
_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something of the slides that is not what it seems. `missing`: what should be on air is not here at all."""

    message: str
    hint: str = ""
    missing: bool = False
    leads_out: bool = False
    """whether it is a link to something that is no slide"""


def doubts(git: Git, slides: Path) -> list[Doubt]:
    """All there is to say of a folder of slides; `git` is the repository that it usually lies in."""
    root = Path(os.path.realpath(slides))
    return [*_pointers(root), *_repositories(git, root), *_links(root)]


def _pointers(slides: Path) -> Iterator[Doubt]:
    found = [path for path in _files(slides) if _is_pointer(path)]
    if found:
        names = _listed(slides, found)
        yield Doubt(
            f"{names} {'are pointers' if len(found) > 1 else 'is a pointer'} of git-lfs: the content itself is not here",
            hint="fetch it: git lfs pull",
            missing=True,
        )


def _is_pointer(path: Path) -> bool:
    try:
        stat = path.lstat()
        if not S_ISREG(stat.st_mode) or stat.st_size >= _POINTER_BELOW:  # a pipe would be waited for
            return False
        return path.read_bytes().startswith(_POINTER)
    except OSError:
        return False  # whoever packs the slides says what is wrong with it


def _repositories(git: Git, slides: Path) -> Iterator[Doubt]:
    top = Path(os.path.realpath(git.folder))
    links = [top / name for name in _gitlinks(git, top, slides)]
    for path in links:
        if not (path / ".git").exists():
            yield Doubt(
                f"the submodule {_name(slides, path)} is not checked out: nothing of it would be on air",
                hint=f"git submodule update --init {shlex.quote(str(path.relative_to(top)))}",
                missing=True,
            )
    for folder, folders, _ in os.walk(slides):
        inner = [name for name in folders if (Path(folder) / name / ".git").exists()]
        for path in (Path(folder) / name for name in inner):
            yield Doubt(
                f"{_name(slides, path)} is a repository of its own: what is in it goes on air, but this one keeps only the "
                "name of its commit",
                hint="" if path in links else f"make it a submodule, or remove {_name(slides, path)}/.git",
            )
        folders[:] = [name for name in folders if name not in inner and name != ".git"]


def _gitlinks(git: Git, top: Path, slides: Path) -> Iterator[str]:
    if not slides.is_relative_to(top):
        return
    listing = git.ask("ls-files", "--stage", "-z", "--", str(slides.relative_to(top))) or ""
    for entry in listing.split("\0"):
        about, _, name = entry.partition("\t")
        if about.startswith(_GITLINK):
            yield name


def _links(slides: Path) -> Iterator[Doubt]:
    """Links whose target is not below the folder: inside the guest they lead nowhere."""
    for folder, folders, files in os.walk(slides):
        for path in (Path(folder) / name for name in sorted((*folders, *files))):
            if not path.is_symlink():
                continue
            target = os.readlink(path)
            # absolute, it is another place inside the guest, even where it names this folder
            if os.path.isabs(target) or not Path(os.path.normpath(path.parent / target)).is_relative_to(slides):
                yield Doubt(
                    f"{_name(slides, path)} is a link out of the slides ({target}): it leads nowhere on the board",
                    hint="put a copy there",
                    leads_out=True,
                )
            elif not path.exists():
                yield Doubt(f"{_name(slides, path)} is a link to {target}, which is not there")


def _files(slides: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(slides):
        folders[:] = sorted(name for name in folders if name != ".git")
        yield from (Path(folder) / name for name in sorted(files))


def _name(slides: Path, path: Path) -> str:
    return f"{slides.name}/{path.relative_to(slides)}"


def _listed(slides: Path, found: list[Path]) -> str:
    first = ", ".join(_name(slides, path) for path in found[:3])
    return f"{first} and {len(found) - 3} more" if len(found) > 3 else first
