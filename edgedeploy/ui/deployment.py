"""Words for deployments: what a push, a status or an enrolment says on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgedeploy.core import messages
from edgedeploy.core.names import printable
from edgedeploy.core.release import ALIVE_ONLY
from edgedeploy.flows import guestwords
from edgedeploy.flows.proof import seen_from_here

if TYPE_CHECKING:
    from edgedeploy.flows.ask import BoardState
    from edgedeploy.flows.enrol import Result as Enrolled
    from edgedeploy.flows.find import Found
    from edgedeploy.flows.push_result import Result as Pushed
    from edgedeploy.flows.remove import Result as Removed
    from edgedeploy.flows.uptodate import Here


def pushed(result: Pushed) -> str:
    """The end of a push: the URL last, because that is what a presenter copies."""
    if result.plan:
        return "\n".join(["dry run, nothing was changed:", *(f"  {line}" for line in result.plan)])
    unseen = result.cable and result.confirmed == "unknown"
    if result.verdict == "already-live" and unseen:  # on a network that may be dark
        said = f"{result.app} {result.release} runs on {result.board} already; nothing was touched"
    elif result.verdict == "already-live":
        said = f"{result.app} {result.release} is already live on {result.board}; nothing was touched"
    else:
        said = f"{result.app} {result.release} is live on {result.board}; {took(result.outage_ms, was_on_air=result.was_on_air)}"
    return "\n".join([said, *_swapped(result), _proof(result), *_cabled(result), *([result.url] if result.url else [])])


def pushed_again(result: Pushed) -> str:
    """The same in a line, for whoever has just read it all."""
    if result.verdict == "already-live":
        return f"{result.release} is on air, as it was   {result.url}"
    return f"{result.release} is live; {took(result.outage_ms, was_on_air=result.was_on_air)}   {result.url}"


def _cabled(result: Pushed) -> list[str]:
    """After a push over the cable, whose network may be down: may it come out, and who reaches the address that follows?"""
    if not result.cable:
        return []
    unseen = result.url and result.confirmed == "unknown" and result.contents_known
    return ["the cable may come out now", *(["this laptop could not look at this address itself:"] if unseen else [])]


def _swapped(result: Pushed) -> list[str]:
    """How it was put on air, where that needs a word, and whether there is a way back without a boot."""
    if result.kept:
        return [printable(f"ready to go back to {result.kept} at once: edgedeploy rollback {result.app}")]
    return [printable(f"in place of the release before, not beside it: {result.why_in_place}")] if result.why_in_place else []


def _proof(result: Pushed) -> str:
    pages = len(result.served)
    if not pages:
        return f"checked: {_runs(result)}{f'; {result.unproven}' if result.unproven else ''}"
    right = "with the right content" if result.contents_known else "(what it must hold is not known)"
    got = f"got its {pages} page{'s' if pages > 1 else ''} {right}"
    if result.witness == "laptop":
        return f"checked: {_runs(result)}, and this laptop {got}"
    first = " (the first one to this laptop, too)" if result.confirmed == "confirmed" else ""
    return f"checked: {_runs(result)}, and the board {got}{first}"


def _runs(result: Pushed) -> str:
    return "Xen runs it" if result.runtime == "xen" else "it runs"


def left(result: Pushed) -> str:
    """The last line, where something was edited that is not on the board."""
    return f"NOT on the board: {_some(result.left)} ({result.why_left})"


def unchecked(here: Here) -> str:
    """For a check of a release, where something was edited since."""
    return f"NOT checked, edited since {here.release}: {_some(here.changed)} (to release and check it: edgedeploy push)"


def _some(paths: Sequence[str]) -> str:
    return printable(", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else ""), 300)


def took(outage_ms: int, *, was_on_air: bool) -> str:
    """How long nothing was on air: an outage only where something had been."""
    if was_on_air and not outage_ms:
        return "outage none"
    seconds = outage_ms / 1000
    return f"{'outage' if was_on_air else 'first start'} {seconds:.{int(seconds < 10)}f} s"


def enrolled(result: Enrolled, *, others: bool = False) -> str:
    """What enrolment changed. `others`: this laptop knows more boards than this one."""
    done = "dry run, nothing was changed:" if result.dry_run else "changed:"
    would = done if result.changes else "nothing to change"
    on = f" --on {result.name}" if others else ""
    ready = [] if result.dry_run else [f"{result.name} is ready: edgedeploy push APP" + on]
    head = f"{result.name} ({result.profile}, board id {result.board_id}): {would}"
    return "\n".join([head, *(f"  {change}" for change in result.changes), *ready])


def removed(result: Removed, *, dry_run: bool) -> str:
    """What is gone, and that it can be put back."""
    lines = [f"  {printable(change, 300)}" for change in result.changes]
    if dry_run:
        return "\n".join(["dry run, nothing was changed:", *lines])
    back = [f"your own repository is as it was; a push puts it back: {result.again}"] if result.again else []
    return "\n".join([f"{result.app} is off {result.board}:", *lines, *back])


def status(answer: BoardState, here: Here | None = None) -> str:
    """A board and its apps, beside the repository one stands in."""
    assert answer.status is not None
    board, apps = answer.status.board, answer.status.apps
    facts = board.get("facts", {})
    lines = [
        f"{answer.found.name}  {board.get('profile')}  {answer.found.place}  "
        f"{_runtime(facts)}  {facts.get('free_memory_mb', '?')} MB free  agent {str(board.get('agent'))[:12]}"
    ]
    for name, app in sorted(apps.items()):
        lines += _app(name, app, answer.found.forwards)
        if here and here.app == name:
            lines += _beside(here, app)
    if not apps:
        lines.append("  no apps yet: edgedeploy push APP")
    return printable("\n".join(lines))


def _runtime(facts: Mapping[str, Any]) -> str:
    return f"Xen {facts['xen_version']}" if facts.get("xen_version") else " and ".join(facts.get("runtimes") or ["Xen ?"])


def statuses(answers: Sequence[BoardState], here: Here | None = None) -> str:
    """Several boards; of one that is silent, why, and what may wake it."""
    return "\n".join(status(answer, here) if answer.status else _no_answer(answer) for answer in answers)


def statuses_data(answers: Sequence[BoardState]) -> dict[str, object]:
    """The same for programs."""
    return {"boards": [_status_data(answer) for answer in answers]}


def _status_data(answer: BoardState) -> dict[str, object]:
    if answer.status:
        return {"board": answer.status.board, "apps": answer.status.apps}
    known, error = answer.found.known, answer.error
    assert known
    assert error
    board = {"id": known.board_id, "name": known.name, "profile": known.profile, "answered": known.answered or None}
    return {"board": board, "error": {"exit_code": error.exit_code, "message": error.message, "hint": error.hint}}


def _no_answer(answer: BoardState) -> str:
    assert answer.error
    said, name = answer.error.message, answer.found.name
    lines = [said if said.startswith(name) else f"{name}: {said}", *([f"  {answer.error.hint}"] if answer.error.hint else [])]
    return printable("\n".join(lines))


def _beside(here: Here, app: dict[str, Any]) -> Iterator[str]:
    if _under_way(app):
        return
    if here.changed:
        more = f" and {len(here.changed) - 1} more" if here.changed[1:] else ""
        yield f"    here: {here.changed[0]}{more} changed since {here.release} (edgedeploy push)"
    elif here.release in app.get("quarantine", {}):
        yield f"    here: {here.release} (change it and push, or try it again: edgedeploy push --retry)"
    elif here.release != (app.get("release") or ""):
        yield f"    here: {here.release or 'no release yet'} (edgedeploy push)"


def _app(name: str, app: dict[str, Any], forwards: Mapping[str, str]) -> list[str]:
    if "error" in app:
        return [f"  {name}: {app['error']}"]
    url = f"  {seen_from_here(app['url'], forwards)}" if app["healthy"] and app["url"] else ""
    lines = [f"  {name}: {_what_runs(app)}{url}"]
    if app["healthy"] and not app["url"]:
        lines.append(f"    {ALIVE_ONLY}")
    if under_way := _under_way(app):
        lines.append(f"    being deployed now{under_way}")
    elif app["wanted"] and app["wanted"] != app["release"]:
        lines.append(f"    the board's repository wants {app['wanted']}")
    if app.get("kept"):
        lines.append(f"    ready to go back to {app['kept']} at once: edgedeploy rollback {name}")
    elif app["previous"]:
        lines.append(f"    previous: {app['previous']}  (edgedeploy rollback {name})")
    back = {app.get("kept"), app["previous"]} - {app["release"]}  # told just now; of two with one id it is the other
    lines += [f"    kept off the air: {release} ({why})" for release, why in app["quarantine"].items() if release not in back]
    if app["phase"] == "stuck":
        lines.append(f"    STUCK: {app['reason']}")
    return lines


def _under_way(app: dict[str, Any]) -> str:
    """Who deploys what at this moment, "" where nobody does."""
    last = app.get("last") or {}
    if last.get("running_s") is None:
        return ""
    release = next((f": {step['release']}" for step in reversed(last.get("steps", [])) if step.get("release")), "")
    return f"{release} by {last.get('who', '?')}, for {round(last['running_s'])} s so far (how it ends: edgedeploy log)"


def _what_runs(app: dict[str, Any]) -> str:
    if app["phase"] == "returning":
        return f"going back to {app['good'] or 'nothing'}; it takes a minute, and nothing need be typed"
    if not app["healthy"]:
        return f"{app['release']} NOT RUNNING" if app["release"] else "nothing is on air"
    return f"{app['release']} {'on trial' if app['phase'] == 'trial' else 'on air'}"


def rolled_back(found: Found, outcome: messages.Outcome, app: str, *, others: bool = False) -> str:
    """The end of a rollback. `others`: this laptop knows more boards than this one."""
    return printable(
        f"{outcome.running} is on air again on {found.name}; {took(outcome.outage_ms, was_on_air=outcome.was_on_air)}"
        + (f"\n{outcome.reason}" if outcome.reason else "")
        + f"\nto have back what was on air before: edgedeploy rollback {app}{f' --on {found.name}' if others else ''}"
    )


def log(records: list[Any], *, verbose: bool = False) -> str:
    """One deployment a line, newest last; failures say why, `verbose` with all that the guest said."""
    return printable("\n".join(line for record in records for line in _record(record, verbose)) or "no deployments yet")


def _record(record: dict[str, Any], verbose: bool) -> list[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(record.get("started", 0))))
    who = record.get("who", "?")
    outcome, failed = record.get("outcome"), record.get("failed")
    if outcome:
        lasted = (
            took(outcome.get("outage_ms", 0), was_on_air=outcome.get("was_on_air", True))
            if outcome.get("outage_ms") or outcome.get("swap")
            else ""
        )
        back = any(step.get("step") == "rollback" for step in record.get("steps", []))
        verdict = "back on air (rollback)" if back and outcome["verdict"] == "live" else outcome["verdict"].replace("-", " ")
        lines = ["  ".join(word for word in (when, who, outcome["release"], verdict, lasted) if word)]
        lines += [f"    {outcome['reason']}"] if outcome.get("reason") else []
        why, more = guestwords.split(outcome.get("console", []))
        return lines + [f"    {line}" for line in (*why, *(more if verbose else ()))]
    if failed:
        return [f"{when}  {who}  refused: {failed['message']}"]
    release = next((f"{step['release']}  " for step in reversed(record.get("steps", [])) if step.get("release")), "")
    lasts = record.get("running_s")
    return [f"{when}  {who}  {release}" + ("did not finish" if lasts is None else f"running for {round(lasts)} s")]
