"""Tells Avahi what this board is and what runs on it: rewrites its service file when that changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from edgedeploy.agent import state, version
from edgedeploy.agent.config import AgentConfig
from edgedeploy.agent.layout import Layout
from edgedeploy.agent.xen import Running
from edgedeploy.core import errors, files
from edgedeploy.core.announce import Announcement, avahi_service_xml, txt_records
from edgedeploy.core.names import AppName, ReleaseId


def refresh(layout: Layout, config: AgentConfig, domains: Callable[[], Iterable[Running]]) -> bool:
    """Write /etc/avahi/services/edgedeploy.service where it differs; Avahi watches the folder. True when written.

    A board without Avahi, or with a read-only /etc, is not announced: that must not fail a deployment.
    """
    folder = layout.avahi_service.parent
    if not folder.is_dir():
        return False
    with contextlib.suppress(OSError, ValueError, errors.EdgeError):
        xml = avahi_service_xml(txt_records(announcement(layout, config, domains())))
        return files.write_if_changed(layout.avahi_service, xml.encode())
    return False


def announcement(layout: Layout, config: AgentConfig, domains: Iterable[Running]) -> Announcement:
    """What there is to say while these run."""
    alive = {domain.uuid for domain in domains if not domain.dead}
    apps: dict[AppName, ReleaseId | None] = {}
    for name in config.apps:
        now = state.load(layout.app(name).state)
        slot = next((s for s in (now.good, now.candidate) if s and s.uuid in alive), None)
        apps[name] = ReleaseId(slot.release) if slot else None
    return Announcement(config.board_id, config.profile, agent=version.digest()[:12], apps=apps)
