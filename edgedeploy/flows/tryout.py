"""The whole product without a board: a talk is pushed to this computer, and again whenever it is changed.

It is the same push as to any board, by the same agent (lab/here.py); other commands reach it from another terminal meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgedeploy.core import errors, names
from edgedeploy.core.board import HOST
from edgedeploy.core.release import UNIX
from edgedeploy.depot import sample
from edgedeploy.depot.git import Git
from edgedeploy.depot.repo import BRANCH, Depot
from edgedeploy.flows import push
from edgedeploy.flows.context import Context
from edgedeploy.flows.find import Found, Wanted
from edgedeploy.flows.push_result import Result
from edgedeploy.lab import here
from edgedeploy.profiles import catalog
from edgedeploy.remote.known import KnownBoard

ADDRESS, PORT = "127.0.0.1", 8080
SLIDES = "slides"
APP = names.AppName("talk")


Look = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Try:
    """A board that is up. `slides` is the folder to edit, `repository` what is pushed; `theirs`: it outlives the board."""

    board: KnownBoard
    app: names.AppName
    repository: Path
    slides: Path
    theirs: bool


@contextlib.contextmanager
def up(folder: Path | None, context: Context, port: int | None = None) -> Iterator[Try]:
    """A board for the slides in `folder` (None: the sample's), or for the repository that it is; nothing is left of it at the end.

    Raises errors.UsageFault for a folder without a first page, or a port that is taken.
    """
    slides = _slides(folder) if folder else None
    if folder and port and _runs_here(folder):
        raise errors.UsageFault(
            f"{folder} says itself on which port it is served", hint=f"change port under [health] in {folder}/edgedeploy.toml"
        )
    with here.place() as place, contextlib.ExitStack() as undo:
        repository = folder if folder and _runs_here(folder) else _repository(place / "talk", slides, port, _called(folder))
        slides = slides or (repository / SLIDES if folder is None else repository)
        name = _name(context)
        board = KnownBoard(here.enrolled(place, name), name, names.ProfileName(HOST), "", ("localhost",), 22, folder=str(place))
        context.known.remember(board)
        undo.callback(context.known.forget, board.board_id)
        yield Try(board, Depot.open(repository).app, repository, slides, folder is not None)


def once(at: Try, context: Context) -> Result:
    """Push what is there now. Raises what a push raises."""

    def nobody(found: Found) -> None:
        raise errors.Bug(f"{found.label} is not the board that was made")

    request = push.Request(at.repository, Wanted(on=str(at.board.board_id)))
    return push.push(request, context, catalog.load_all(), nobody)


def watch(at: Try, pushed: Look, again: Callable[[], None], wait: Callable[[], bool]) -> None:
    """Call `again` whenever what is there is not what it was when it was `pushed`, and is still; `wait` a moment between two
    looks, until it says no.
    """
    seen = pushed
    while wait():
        before, seen = seen, look(at)
        if seen != pushed and seen == before:  # an editor writes several files, one after the other
            pushed = seen
            again()


def look(at: Try) -> Look:
    """What a release is made of: names, times and sizes of the slides, the content of what stands beside them."""
    found: list[tuple[object, ...]] = []
    for folder, _, files in os.walk(at.slides):
        for name in files:
            with contextlib.suppress(OSError):
                stat = os.stat(os.path.join(folder, name))
                found.append((folder, name, stat.st_mtime_ns, stat.st_size))
    with contextlib.suppress(OSError):  # it may be gone: the push says so
        for path in at.repository.iterdir():
            if path.is_file():
                found.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return tuple(sorted(found, key=repr))


def _slides(folder: Path) -> Path | None:
    """Where the slides of what somebody names are: in that folder, or where its edgedeploy.toml says."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "is not there"
        raise errors.UsageFault(f"{folder} {what}", hint="name the folder that your slides are in: edgedeploy try FOLDER")
    slides = folder
    if (folder / "edgedeploy.toml").is_file():
        build = Depot.open(folder).config.build
        if build.slides is None and _runs_here(folder):
            return None  # a program without slides
        slides = folder / (build.slides or SLIDES)
    elif not (folder / "index.html").is_file() and (folder / SLIDES / "index.html").is_file():
        slides = folder / SLIDES
    if not (slides / "index.html").is_file():
        raise errors.UsageFault(
            f"{slides} has no index.html: there is no first page to show",
            hint="name the folder that has one: edgedeploy try FOLDER   or see the sample talk: edgedeploy try",
        )
    return slides.resolve()


def _runs_here(folder: Path) -> bool:
    return (folder / "edgedeploy.toml").is_file() and Depot.open(folder).config.runtime == UNIX


def _called(folder: Path | None) -> names.AppName:
    """The app, after the folder that it is made of."""
    words = re.sub(r"[^a-z0-9]+", "-", (folder.resolve().name if folder else "").lower()).strip("-")[:40].strip("-")
    return names.AppName(words) if names.AppName.fits(words) else APP


def _repository(folder: Path, slides: Path | None, port: int | None, app: names.AppName) -> Path:
    """A repository for slides that are elsewhere, or (None) with the sample's."""
    files = sample.files(app, ADDRESS, _free(port))
    if slides is None:
        files |= {PurePosixPath(SLIDES) / name: data for name, data in sample.SLIDES.items()}
    git = Git(folder)
    folder.mkdir()
    git.run("init", "--quiet", f"--initial-branch={BRANCH}")
    git.run("config", "commit.gpgsign", "false")  # nobody will ever ask who made these commits
    depot, _ = Depot.begin(folder, app, files, add=True)
    if slides:
        (depot.root / SLIDES).symlink_to(slides)
        with (depot.root / ".git/info/exclude").open("a") as file:
            file.write(f"/{SLIDES}\n")
    return depot.root


def _free(port: int | None) -> int:
    """The port that is wanted, or one that nobody has. Raises UsageFault."""
    for wanted in (port,) if port else (PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((ADDRESS, wanted))
            return int(one.getsockname()[1])
    raise errors.UsageFault(f"port {port} of this computer is taken, or not yours", hint="another: edgedeploy try --port 8090")


def _name(context: Context) -> names.BoardName:
    taken = {board.name for board in context.known.all()}
    return next(name for number in range(1, 1000) if (name := names.BoardName(f"try-{number}" if number > 1 else "try")) not in taken)
