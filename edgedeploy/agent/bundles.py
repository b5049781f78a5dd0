"""Takes in what a bundle brings: every object checked, then its branches under refs/edgedeploy/incoming.

Not by `git fetch`, which checks the objects of a bundle from git 2.46 on only, whatever transfer.fsckObjects says.
Format: gitformat-bundle(5).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from edgedeploy.agent.run import CommandFailed
from edgedeploy.core import errors

_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_INCOMING = b"refs/edgedeploy/incoming/"
_SLOW = 900.0
_LONGEST = 64 * 1024


DECORATION = (
    "badDate", "badDateOverflow", "badEmail", "badName", "badTimezone", "missingEmail", "missingNameBeforeEmail",
    "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "multipleAuthors", "zeroPaddedDate", "zeroPaddedFilemode",
)  # fmt: skip
"""what git fsck says of histories that other programs wrote, and that does no harm (git-fsck(1), fsck.<msg-id>)"""


def take_in(git: Callable[..., str], folder: Path, bundle: Path) -> None:
    """Into the repository at `folder`, where `git` runs; nothing is checked out. Raises errors.BadRepository."""
    try:
        with bundle.open("rb") as file:
            branches = _branches(file)
            os.lseek(file.fileno(), file.tell(), os.SEEK_SET)  # where git reads on
            severities = ",".join(f"{name}=ignore" for name in DECORATION)
            git("index-pack", "--stdin", "--fix-thin", f"--strict={severities}", timeout=_SLOW, file=file)
        commits = sorted({commit.decode("ascii", "replace") for commit in branches.values()})
        git("rev-list", "--objects", "--quiet", *commits, "--not", "--all", timeout=_SLOW)
        # a branch `talk` of last year and one `talk/2026` cannot be side by side, nor in one transaction
        gone = _there(folder / ".git") - {*branches}
        for lines in (
            [b"delete %s\0\0" % (_INCOMING + name) for name in sorted(gone)],
            [b"update %s\0%s\0\0" % (_INCOMING + name, commit) for name, commit in branches.items()],
        ):
            if lines:
                git("update-ref", "-z", "--stdin", data=b"".join(lines))
    except CommandFailed as error:
        unsound = "fsck error" in error.words
        hint = "on the laptop, git fsck names what is wrong in its history" if unsound else ""
        raise errors.BadRepository(
            "the board's git refused what was sent" + (": an object of its history is not sound" if unsound else ""),
            hint=hint or error.hint or "push again: a changed history is sent whole",
            details=error.details,
        ) from None


def _branches(file: BinaryIO) -> dict[bytes, bytes]:
    """Branch -> commit by the head of a bundle; the pack comes next."""
    if file.readline(_LONGEST) not in _SIGNATURES:
        raise errors.BadRepository("what was sent is no git bundle", hint="push again")
    found = {}
    while (line := file.readline(_LONGEST)) not in (b"\n", b""):
        commit, _, ref = line.rstrip(b"\n").partition(b" ")
        if line[:1] not in b"-@" and ref.startswith(b"refs/heads/"):
            found[ref.removeprefix(b"refs/heads/")] = commit
    return found


def _there(inside: Path) -> set[bytes]:
    """The branches that came with an earlier bundle."""
    top = os.fsencode(inside) + b"/" + _INCOMING
    found = {os.path.join(at, name).removeprefix(top) for at, _, names in os.walk(top) for name in names}
    try:
        packed = (inside / "packed-refs").read_bytes().split(b"\n")
    except OSError:
        packed = []
    refs = (line.partition(b" ")[2] for line in packed)
    return {name for name in found if not name.endswith(b".lock")} | {
        ref.removeprefix(_INCOMING) for ref in refs if ref.startswith(_INCOMING)
    }
