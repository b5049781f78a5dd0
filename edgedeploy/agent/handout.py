"""`edgedeploy fetch`: what is checked out here, for a laptop that does not have it: another one, or the one that was lost."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.core import errors

_SLOW = 900.0
MOST_KNOWN = 300
"""commits of a laptop that are looked for here"""


@dataclass(frozen=True, slots=True)
class Handout:
    """A commit, and a bundle of what leads to it from what is known; no `file` where nothing does."""

    commit: str
    size: int = 0
    sha256: str = ""
    file: BinaryIO | None = None


def bundle(repo: GitRepo, have: Sequence[str], folder: Path) -> Handout:
    """Bundle what of the checked-out history is not known to who has the commits `have`. The caller closes the file.

    The file has no name any more: nothing is left of it, whatever ends this. Raises BadRepository where nothing is here yet,
    CommandFailed.
    """
    head = repo.head()
    if head is None:
        raise errors.BadRepository("nothing of it was pushed yet: there is no commit here", hint="edgedeploy status")
    asked = "".join(f"{commit}\n" for commit in have[:MOST_KNOWN])
    # by one process: each start of git costs a small core a tenth of a second
    said = repo.git("cat-file", "--batch-check=%(objecttype) %(objectname)", data=asked.encode()) if asked else ""
    known = [line.split()[1] for line in said.split("\n") if line.startswith("commit ")]
    if not repo.git("rev-list", "--max-count=1", head, "--not", *known).strip():
        return Handout(head)
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix="handout.")
    os.close(handle)
    try:
        repo.git("bundle", "create", "--quiet", name, "HEAD", "--not", *known, timeout=_SLOW)
        file = open(name, "rb")  # noqa: SIM115 - the caller's
    finally:
        for path in (name, f"{name}.lock"):
            Path(path).unlink(missing_ok=True)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = file.tell()
    file.seek(0)
    return Handout(head, size, digest, file)
