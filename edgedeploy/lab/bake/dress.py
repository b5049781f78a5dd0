"""Finish the unpacked tree: what the packages' own scripts would have done, from data.

No foreign code runs, so neither root nor an emulator for the board's programs is needed.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.lab import recipe, tools
from edgedeploy.lab.bake import accounts

BOARD_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finish:
    """A parsed finish.txt."""

    copies: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    owners: tuple[str, ...]
    """lines of "UID:GID MODE PATH" for seal.sh"""


def parse_finish(text: str) -> Finish:
    """Read finish.txt; raises ValueError for a line it does not know."""
    copies, links, folders, owners = [], [], [], []
    for line in recipe.lines(text):
        match line.split():
            case ["copy", source, target]:
                copies.append((source, target))
            case ["link", target, path]:
                links.append((target, path))
            case ["dir", path]:
                folders.append(path)
            case ["own", owner, mode, path]:
                owners.append(f"{owner} {mode} {path}")
            case _:
                raise ValueError(f"finish.txt: cannot read {line!r}")
    return Finish(tuple(copies), tuple(links), tuple(folders), tuple(owners))


def dress(root: Path, board: Path, finish: Finish) -> None:
    """Overlay, accounts, links, certificates, bytecode."""
    for path in finish.folders:
        make_folder(root, path)
    for source, target in finish.copies:
        put(root, target, (root / source.lstrip("/")).read_bytes())
    for target, path in finish.links:
        link = root / path.lstrip("/")
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    for file in sorted((board / "tree").rglob("*")):
        if file.is_file():
            put(root, file.relative_to(board / "tree").as_posix(), file.read_bytes())
    _accounts(root, board)
    _certificates(root)
    _bytecode(root)


def put(root: Path, name: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file of the tree with a mode that does not depend on our umask."""
    path = root / name.lstrip("/")
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise errors.Bug(f"the board's {name} would land outside its tree, through a symbolic link")
    make_folder(root, str(path.parent.relative_to(root)))
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def make_folder(root: Path, name: str) -> None:
    """Make a folder of the tree, and those above it, where they are missing."""
    path = root / name.lstrip("/")
    for folder in (*reversed(path.relative_to(root).parents), path.relative_to(root)):
        if not (root / folder).is_dir():
            (root / folder).mkdir()
            (root / folder).chmod(0o755)


def package_status(debs: Sequence[Path]) -> str:
    """The content of /var/lib/dpkg/status that says these packages are installed."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return "\n".join(pool.map(_paragraph, debs)) + "\n"


def installed(control: str) -> str:
    """A package's control paragraph as dpkg's status file has it."""
    first, _, rest = control.strip().partition("\n")
    return f"{first}\nStatus: install ok installed\n{rest}\n"


def _paragraph(deb: Path) -> str:
    return installed(tools.run(["dpkg-deb", "-f", str(deb)], what=f"read {deb.name}"))


def _accounts(root: Path, board: Path) -> None:
    masters = root / "usr" / "share" / "base-passwd"
    extra = board / "accounts"
    merged = accounts.merge(
        (masters / "passwd.master").read_text(),
        (masters / "group.master").read_text(),
        more_passwd=(extra / "passwd").read_text(),
        more_group=(extra / "group").read_text(),
        passwords=(extra / "shadow").read_text(),
    )
    put(root, "etc/passwd", merged.passwd.encode())
    put(root, "etc/group", merged.group.encode())
    put(root, "etc/shadow", merged.shadow.encode(), 0o640)
    put(root, "etc/gshadow", merged.gshadow.encode(), 0o640)


def _certificates(root: Path) -> None:
    """One bundle of every certificate authority Debian ships."""
    authorities = sorted((root / "usr" / "share" / "ca-certificates").rglob("*.crt"))
    put(root, "etc/ssl/certs/ca-certificates.crt", b"".join(_ended(path.read_bytes()) for path in authorities))


def _ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def _bytecode(root: Path) -> None:
    """Compile the board's standard library here: on the emulated board it would take most of a minute.

    Bytecode is the same for every machine but not for every Python, so this needs the board's version here too;
    without it the board compiles what it imports, once.
    """
    library = root / "usr" / "lib" / "python{}.{}".format(*BOARD_PYTHON)
    for unused in ("test", "idlelib", "lib2to3", "ensurepip", "turtledemo"):
        shutil.rmtree(library / unused, ignore_errors=True)
    if sys.version_info[:2] == BOARD_PYTHON:
        compileall.compile_dir(library, quiet=2, stripdir=str(root), prependdir="/", workers=0)
        for cache in library.rglob("__pycache__"):
            cache.chmod(0o755)
            for path in cache.iterdir():
                path.chmod(0o644)


def owners(session: str, root: Path) -> list[str]:
    """What a fakeroot session remembers and the files themselves do not say, as lines for seal.sh.

    The session itself cannot be resumed: it knows files by inode number, and numbers are used again.
    """
    known: dict[int, tuple[str, int]] = {}
    for line in session.splitlines():
        fields = dict(field.split("=", 1) for field in line.split(",") if "=" in field)
        known[int(fields["ino"])] = (f"{fields['uid']}:{fields['gid']}", int(fields["mode"], 8) & 0o7777)
    lines = []
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        owner, mode = known.get(found.st_ino, ("0:0", found.st_mode & 0o7777))
        if not path.is_symlink() and (owner != "0:0" or mode != found.st_mode & 0o7777):
            lines.append(f"{owner} {mode:04o} /{path.relative_to(root)}")
    return lines


def unpack(script: Path, root: Path, session: Path, debs: Iterable[Path], log: Path) -> Iterator[Path]:
    """Unpack packages under fakeroot, yielding each as it is done; the session file remembers owners."""
    names = "".join(f"{deb}\n" for deb in debs)
    argv = ["fakeroot", "-s", str(session), "--", "sh", str(script), str(root)]
    with (
        log.open("a") as errors_to,
        subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors_to,
            text=True,
            env=tools.environment(),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(names)
        process.stdin.close()
        for line in process.stdout:
            yield Path(line.rstrip("\n"))
    if process.returncode != 0:
        raise errors.BoardFault("cannot unpack the board's packages", hint=f"the whole story is in {log}")
