"""Tells Avahi what this board is and what runs on it: rewrites its service file when that changed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from edgedeploy.agent import state, version
from edgedeploy.core import errors, files
from edgedeploy.core.announce import Announcement, avahi_service_xml, txt_records
from edgedeploy.core.names import AppName, ReleaseId

if TYPE_CHECKING:
    from edgedeploy.agent.board import Board


def refresh(board: Board) -> bool:
    """Write /etc/avahi/services/edgedeploy.service where it differs; Avahi watches the folder. True when written.

    A board without Avahi, or with a read-only /etc, is not announced: that must not fail a deployment.
    """
    folder = board.layout.avahi_service.parent
    if not folder.is_dir():
        return False
    with contextlib.suppress(OSError, ValueError, errors.EdgeError):
        xml = avahi_service_xml(txt_records(announcement(board)))
        return files.write_if_changed(board.layout.avahi_service, xml.encode())
    return False


def announcement(board: Board) -> Announcement:
    """What there is to say. Asks the hypervisor what runs."""
    alive = {domain.uuid for domain in board.runtime.domains() if not domain.dead}
    apps: dict[AppName, ReleaseId | None] = {}
    for name in board.config.apps:
        now = state.load(board.layout.app(name).state)
        slot = next((s for s in (now.good, now.candidate) if s and s.uuid in alive), None)
        apps[name] = ReleaseId(slot.release) if slot else None
    return Announcement(board.config.board_id, board.config.profile, agent=version.digest()[:12], apps=apps)
