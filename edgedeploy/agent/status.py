"""What the board says of itself and its apps: one dictionary for `status`, `hello` and the command line.

Keys of an app: head (commit or ""), release and uuid (what the hypervisor runs, "" : nothing), healthy (bool: alive),
phase, good, previous, kept (the release that waits, paused, for a way back at once; "" : none) and kept_mb (its memory),
quarantine ({release or uuid: reason}), wanted (release of the checked-out commit), remote, url, last (the newest record).
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from edgedeploy.agent import attempt, facts, records, state, version
from edgedeploy.agent.board import Board
from edgedeploy.agent.gitrepo import GitRepo
from edgedeploy.agent.layout import AppLayout
from edgedeploy.agent.network import Network
from edgedeploy.agent.plan import Slot, State
from edgedeploy.agent.run import CommandFailed
from edgedeploy.agent.xen import Running
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, CommitId


def board(of: Board) -> dict[str, Any]:
    """The board's half."""
    return {
        "id": of.config.board_id,
        "name": of.config.name,
        "profile": of.config.profile,
        "agent": version.digest(),
        "disk_free": facts.free_disk(of.layout.state) if of.layout.state.is_dir() else 0,
        "facts": facts.live(of.runtime).to_plain(),
    }


def both(of: Board) -> tuple[dict[str, Any], dict[str, Any]]:
    """The board's half and the apps', asked at the same time: most of both is waiting for xl and git. Raises CommandFailed."""
    failed: list[BaseException] = []
    first: dict[str, Any] = {}

    def ask() -> None:
        try:
            first.update(board(of))
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        second = apps(of)
    finally:
        asking.join()
    if failed:
        raise failed[0]
    return first, second


def apps(of: Board) -> dict[str, Any]:
    """Every app's half; an app that cannot be read says so in `error` instead of failing the whole."""
    domains = of.runtime.domains()
    found: dict[str, Any] = {}
    for name in of.config.apps:
        try:
            found[str(name)] = _app(of, name, domains)
        except (
            errors.EdgeError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ) as error:  # one app must not hide the others
            found[str(name)] = {"error": str(error)}
    return found


def _app(of: Board, name: AppName, domains: list[Running]) -> dict[str, Any]:
    layout, repo = of.app(name), of.repo(name)
    now = state.load(layout.state)
    head, wanted = _checked_out(layout, repo, name)
    slots = _releases(layout, now, {*now.quarantine, *(domain.uuid for domain in domains)})
    running, running_release = _on_air(slots, domains, of.network)
    last, waits = attempt.last(layout.attempts, 1), _kept(now, domains)
    return {
        "head": head or "",
        "release": running_release,
        "uuid": running.uuid if running else "",
        "healthy": bool(running and not running.dead),
        "phase": now.phase,
        "reason": now.reason,
        "good": now.good.release if now.good else "",
        "previous": now.previous.release if now.previous else "",
        "wanted": wanted,
        "quarantine": {slots.get(uuid, uuid): why for uuid, why in now.quarantine.items()},
        "quarantined": list(now.quarantine),
        "remote": of.config.apps[name].remote,
        "url": _url(layout, now.good),
        "kept": now.previous.release if now.previous and waits else "",
        "kept_mb": waits.memory_mb if waits else 0,
        "last": last[0] if last else None,
    }


def _kept(now: State, domains: list[Running]) -> Running | None:
    """The domain that waits beside what is on air, to go back to at once."""
    mine = [d for d in domains if now.previous and d.uuid == now.previous.uuid and d.paused and not d.dead]
    return mine[0] if mine else None


def _checked_out(layout: AppLayout, repo: GitRepo, name: AppName) -> tuple[CommitId | None, str]:
    """The commit that a laptop need not send again, None where it cannot be read, and its release, "" where there is none."""
    there = (layout.repo / ".git").is_dir() and not repo.torn()
    head = repo.head() if there else None
    wanted = ""
    if head:
        with contextlib.suppress(errors.EdgeError, CommandFailed):
            wanted = repo.wanted(head, name)
        if not wanted and repo.damaged():  # git is asked again only where the manifest does not prove the commit
            head = None
    return head, wanted


def on_air(layout: AppLayout, domains: list[Running], network: Network) -> tuple[Running | None, str]:
    """The app's domain, a living one before one that is only preserved, and its release; (None, "") when there is none.

    One that is beside what is on air, on trial or kept for the way back, counts only where there is nothing else.
    """
    slots = _releases(layout, state.load(layout.state), {domain.uuid for domain in domains})
    return _on_air(slots, domains, network)


def _on_air(slots: dict[str, str], domains: list[Running], network: Network) -> tuple[Running | None, str]:
    ours = [domain for domain in domains if domain.uuid in slots]
    if len(ours) > 1:
        ours.sort(key=lambda d: (d.dead, network.off_air(d.domid)))
    found = ours[0] if ours else None
    return found, slots[found.uuid] if found else ""


def _releases(layout: AppLayout, now: State, asked: set[str]) -> dict[str, str]:
    """uuid -> release of those that count, and of `asked` as far as they are known here."""
    slots = (now.previous, now.candidate, now.failed, now.good)
    found = {slot.uuid: slot.release for slot in slots if slot}
    return found if asked <= found.keys() else _known(layout) | found


def _known(layout: AppLayout) -> dict[str, str]:
    """uuid -> release of every manifest on the board: names for what is quarantined."""
    return {manifest.uuid: str(manifest.release) for manifest in records.every(layout).values()}


def _url(layout: AppLayout, good: Slot | None) -> str:
    known = records.load(layout, good) if good else None
    if known is None or known.health is None:
        return ""
    health = known.health
    port = "" if health.port == 80 else f":{health.port}"
    host = f"[{health.address}]" if ":" in health.address else health.address
    return f"http://{host}{port}{health.path}"
