"""Enrolment's first step: the agent's own modules. All that comes after is loaded from there, with their bytecode.

Loaded from the zip that came, each would be compiled twice, which is most of what an enrolment costs a small core.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedeploy.agent import compiled
from edgedeploy.agent.layout import Layout
from edgedeploy.core import errors

NEEDED = ("xl", "git", "crontab")
PACKAGES = {"xl": "xen-utils-4.17", "git": "git", "crontab": "cron"}


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the modules are, the text of the command that starts them, and what putting them there changed."""

    library: Path
    launcher: bytes
    changes: list[str]


def install(layout: Layout, shipped: bytes, *, dry_run: bool = False, needed: Sequence[str] = NEEDED) -> Installed:
    """Put the modules in place; `shipped` is the zipapp, `needed` the programs that must be there.

    Raises errors.BadConfig when the board lacks something that no file of ours can bring.
    """
    missing = [tool for tool in needed if not shutil.which(tool)]
    if missing:
        raise errors.BadConfig(
            f"this board has no {' and no '.join(missing)}",
            hint=f"install it there: apt-get install {' '.join(PACKAGES[tool] for tool in needed)}"
            + ("; or, without Xen, enrol it for programs: --runtime unix" if "xl" in missing else ""),
        )
    changes = []
    if not layout.avahi_service.parent.is_dir():
        changes.append("note: no Avahi on this board; it will not be found by name (apt-get install avahi-daemon)")
    digest = hashlib.sha256(shipped).hexdigest()
    library = layout.library(digest)
    if not library.is_dir():
        changes.append(f"{'would write' if dry_run else 'wrote'} {library} (the agent)")
        if not dry_run:
            library.parent.mkdir(parents=True, exist_ok=True)
            compiled.library(shipped, digest, library)
    return Installed(library, compiled.launcher(shipped, str(library)), changes)


def go_on_in(library: Path) -> None:
    """Load whatever of the agent is not loaded yet from its installed modules."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "edgedeploy" and hasattr(module, "__path__"):
            module.__path__ = [str(library.joinpath(*name.split(".")))]
