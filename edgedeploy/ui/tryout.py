"""Words for `edgedeploy try`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedeploy.ports.folders import word

if TYPE_CHECKING:
    from edgedeploy.flows.tryout import Try


def invitation(at: Try) -> str:
    """What can be done while it is up, and what is left afterwards."""
    what = at.slides / "index.html" if at.slides != at.repository else at.repository
    kept = "and leaves nothing behind" if at.theirs else "and leaves nothing behind, of what you edited neither"
    return (
        f"edit {word(what)} and save: it is pushed\n"
        f"in another terminal: edgedeploy status --on {at.board.name}   edgedeploy rollback {at.app} --on {at.board.name}\n"
        f"Ctrl-C ends it {kept}"
    )
