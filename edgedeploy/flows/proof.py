"""Never say success for the wrong thing: what must be true before a push is called done."""

from __future__ import annotations

import hashlib
import http.client
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from edgedeploy.core import errors, messages, names
from edgedeploy.core.deadline import Deadline
from edgedeploy.core.release import Manifest
from edgedeploy.flows import guestwords
from edgedeploy.ports.report import Report
from edgedeploy.ports.wire import Wire
from edgedeploy.remote.client import AgentClient

_LOOK_S = 5.0
_BY_HAND = "rolled back by "
"""how agent/plan.py begins the reason of a release that a person did not want; it is not a failure"""
_FETCH_S = 3.0
_CABLED_LOOK_S = 1.5


def demand(manifest: Manifest, outcome: messages.Outcome, retry: str) -> None:
    """Return when the outcome proves that the pushed release is the one on air; raise what it proves otherwise.

    `retry` is the command that tries the same release again.
    """
    lines, more = guestwords.split(outcome.console)
    reason = names.printable(outcome.reason, 1000)
    if outcome.verdict == "rolled-back":
        raise errors.RolledBack(
            f"{outcome.release} failed ({reason}); the board serves {outcome.running} again",
            hint=_longer(reason, retry) or f"mend it and push again; `edgedeploy log {manifest.app}` has the record",
            details=lines,
            more=more,
        )
    if outcome.verdict in ("rollback-failed", "failed-nothing-to-go-back-to"):
        serves = f"it serves {outcome.running}" if outcome.running else "it serves nothing"
        raise errors.RollbackFailed(
            f"{outcome.release} failed ({reason}) and there was nothing to go back to; {serves}",
            hint=_longer(reason, retry) or f"edgedeploy log {manifest.app}; push a release that works",
            details=lines,
            more=more,
        )
    if outcome.verdict == "quarantined":
        raise quarantined(manifest, reason, outcome.running, retry)
    if outcome.verdict not in ("live", "already-live") or outcome.uuid != manifest.uuid:
        raise errors.Bug(
            f"the board says {outcome.verdict!r}, but runs {names.printable(outcome.uuid, 40)!r} and not {manifest.uuid}",
            hint="edgedeploy status",
        )
    _demand_content(manifest, outcome)


def quarantined(manifest: Manifest, reason: str, running: str, retry: str) -> errors.Quarantined:
    """The error for a release that the board does not start by itself any more, and why."""
    serves = running or "nothing"
    if reason.startswith(_BY_HAND):
        said, hint = f"{manifest.release} was {reason}; {serves} stays on air", f"to bring it back: {retry}"
    else:
        said = f"{manifest.release} failed on this board before ({reason}); it serves {serves}"
        hint = f"change what is wrong and push again; or try this one again: {retry}"
    return errors.Quarantined(said, hint=hint)


def _longer(reason: str, retry: str) -> str:
    """A guest that only was slow needs no mending."""
    if not reason.startswith("no answer within"):
        return ""
    return f"was it only slow? try it again: {retry}   or give it longer: timeout in [health] of edgedeploy.toml"


def _demand_content(manifest: Manifest, outcome: messages.Outcome) -> None:
    if not manifest.health:
        return
    for path, digest in manifest.health.serves.items():
        if outcome.served.get(path) != digest:
            raise errors.Bug(f"the board said success, but {path} is not what was released", hint="edgedeploy status")


def url(manifest: Manifest, forwards: Mapping[str, str]) -> str:
    """Where this laptop reaches the app, "" when the release does not say where it listens."""
    if manifest.health is None:
        return ""
    host = f"[{manifest.health.address}]" if ":" in manifest.health.address else manifest.health.address
    return seen_from_here(f"http://{host}:{manifest.health.port}{manifest.health.path}", forwards)


def seen_from_here(url: str, forwards: Mapping[str, str]) -> str:
    """A URL of the board's inner network as this laptop reaches it."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    endpoint = parts.netloc if re.search(r":\d+$", parts.netloc) else f"{parts.netloc}:80"
    return f"http://{forwards.get(endpoint, endpoint).removesuffix(':80')}{parts.path}{query}"


def look(manifest: Manifest, where: str, report: Report, *, cabled: bool = False) -> str:
    """The laptop as second witness: "confirmed", "contradicted" or "unknown". The board's verdict stands either way.

    `cabled`: the push went over a serial cable, most likely because the network is down: it is given one short chance.
    """
    if not where or manifest.health is None:
        return "unknown"
    wanted = manifest.health.serves.get(manifest.health.path)
    deadline = Deadline.after(0 if cabled else _LOOK_S)
    while True:
        try:
            status, digest = _fetch(where, _CABLED_LOOK_S if cabled else _FETCH_S)
            break
        except (OSError, http.client.HTTPException) as error:
            if deadline.expired:
                report.warn(_unseen(where, error, cabled=cabled))
                return "unknown"
            time.sleep(0.2)
    if status != manifest.health.status or (wanted and digest != wanted):
        report.warn(
            f"{where} shows this laptop something else than what was released: is another machine at that address?"
        )
        return "contradicted"
    return "confirmed" if wanted else "unknown"


def pages(manifest: Manifest, forwards: Mapping[str, str]) -> dict[str, str] | None:
    """SHA-256 by path of all that a release serves, as this laptop gets it; None where anything is not as it was released."""
    if manifest.health is None:
        return {}
    health, got = manifest.health, {}
    for path in dict.fromkeys([health.path, *health.serves]):
        where = url(replace(manifest, health=replace(health, path=path)), forwards)
        try:
            status, got[str(path)] = _fetch(where, _FETCH_S)
        except (OSError, http.client.HTTPException):
            return None
        if (path == health.path and status != health.status) or got[path] != health.serves.get(path, got[path]):
            return None
    return got


def _unseen(where: str, error: Exception, *, cabled: bool) -> str:
    if cabled:
        return (
            f"this laptop could not look at {where} itself: the network between it and the board is down ({error}); "
            "the board has proven from its side that the release is served"
        )
    return f"this laptop cannot reach {where} itself ({error}); the board has proven it from its side"


def _fetch(where: str, timeout: float) -> tuple[int, str]:
    parts = urlsplit(where)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        return answer.status, hashlib.sha256(answer.read(64 << 20)).hexdigest()
    finally:
        connection.close()


def after_lost_contact(
    manifest: Manifest, again: Callable[[float], tuple[Wire, AgentClient]], patience: float, before: str
) -> messages.Outcome | None:
    """The deployment goes on without us: come back the same way (`again`) and ask what became of it.

    None when nobody can tell.

    `before` is the newest record's id from before the order was given: what that one says is not our answer.
    Raises what the board refused with.
    """
    deadline = Deadline.after(min(patience, 120.0))
    while not deadline.expired:
        time.sleep(2.0)
        try:
            wire, client = again(min(30.0, max(1.0, deadline.remaining)))
            with wire, client:
                app = client.status().apps.get(manifest.app, {})
        except errors.EdgeError:
            continue
        last = app.get("last") or {}
        if last.get("id", "") == before or app.get("phase") not in ("steady", "stuck"):
            continue
        if "failed" in last:
            raise messages.Failed(**last["failed"]).to_error()
        outcome = last.get("outcome", {})
        if outcome.get("release") == manifest.release and outcome.get("uuid") == app.get("uuid"):
            return messages.Outcome(**outcome)
    return None
