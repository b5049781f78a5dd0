"""One deployment as programs read it: the same keys in what `push`, `rollback` and `log` print with --json.

docs/json.md is made from this (`python -m edgedeploy.ui.deploymentjson --write docs/json.md`), its JSON Schema too.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from edgedeploy.core import messages

if TYPE_CHECKING:
    from edgedeploy.flows.push_result import Result as Pushed

FORMAT = 1
"""grows when a key changes its meaning or goes; new keys may come at any time"""
VERDICTS = (*messages.VERDICTS, "refused", "running", "did-not-finish", "dry-run")


_TYPES = {str: "string", int: "integer", float: "number", type(None): "null"}


def _says(meaning: str) -> dict[str, str]:
    return {"says": meaning}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What became of one deployment. `null` is "nothing" or "not known here"."""

    format: int = field(default=FORMAT, metadata=_says("version of this shape"))
    app: str = field(default="", metadata=_says("the app"))
    board: str = field(default="", metadata=_says("the board's name"))
    release: str | None = field(default=None, metadata=_says("the release that was to go on air"))
    verdict: str = field(default="", metadata=_says(f"one of {', '.join(f'`{word}`' for word in VERDICTS)}"))
    running: str | None = field(default=None, metadata=_says("the release on air at the end"))
    uuid: str | None = field(
        default=None, metadata=_says("UUID of the domain on air at the end, derived from its release")
    )
    started: str | None = field(default=None, metadata=_says("when it began, by the board's clock (ISO 8601, UTC)"))
    who: str | None = field(default=None, metadata=_says("who asked for it: a person at a laptop, a hook, cron"))
    outage_s: float | None = field(
        default=None, metadata=_says("seconds from the old guest's end to the new one's first right answer")
    )
    first_start_s: float | None = field(
        default=None, metadata=_says("the same, where nothing had been on air before: no outage")
    )
    swap: str | None = field(
        default=None,
        metadata=_says("`blue-green` (beside what was on air, then put in its place) or `in-place`; null: nothing was swapped"),
    )
    why_in_place: str | None = field(
        default=None, metadata=_says("why it was not started beside what was on air, where that was tried")
    )
    kept: str | None = field(
        default=None, metadata=_says("the release that waits on the board: `rollback` to it takes no boot")
    )
    reason: str | None = field(default=None, metadata=_says("why it is not live, or was refused"))
    url: str | None = field(default=None, metadata=_says("where this laptop reaches the app"))
    confirmed: str | None = field(
        default=None, metadata=_says("this laptop's own look at `url`: `confirmed`, `contradicted` or `unknown`")
    )
    served: dict[str, str] = field(
        default_factory=dict,
        metadata=_says("URL path: SHA-256 of what the guest served to the board; to this laptop, where nothing was to be done"),
    )
    console: list[str] = field(default_factory=list, metadata=_says("last console lines of a guest that failed"))
    cable: str | None = field(default=None, metadata=_says("the serial port it went over; null: the network"))
    sent_bytes: int | None = field(default=None, metadata=_says("what was sent to the board"))
    plan: list[str] = field(default_factory=list, metadata=_says("with `--dry-run`: what would happen"))
    left: list[str] = field(
        default_factory=list, metadata=_says("files that were changed here and are not on the board")
    )
    steps: list[dict[str, str]] = field(
        default_factory=list,
        metadata=_says("in `log`: what was done, each with `at` (ISO 8601, UTC), `step` and `text`"),
    )

    def to_plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def of_push(result: Pushed) -> Deployment:
    """What `push` prints."""
    told = Deployment(
        app=result.app,
        board=result.board,
        release=result.release,
        verdict="dry-run" if result.plan else result.verdict,
        running=None if result.plan else result.release,  # a push returns only when that is proven
        uuid=result.uuid or None,
        swap=result.swap or None,
        why_in_place=result.why_in_place or None,
        kept=result.kept or None,
        url=result.url or None,
        confirmed=None if result.plan else result.confirmed,
        served=dict(result.served),
        cable=result.cable or None,
        sent_bytes=result.sent_bytes,
        plan=list(result.plan),
        left=list(result.left),
    )
    return _timed(told, result.outage_ms, was_on_air=result.was_on_air)


def of_outcome(outcome: Mapping[str, Any], app: str, board: str) -> Deployment:
    """What `rollback` prints, from the fields of messages.Outcome."""
    told = Deployment(
        app=app,
        board=board,
        release=outcome.get("release") or None,
        verdict=str(outcome.get("verdict", "")),
        running=outcome.get("running") or None,
        uuid=outcome.get("uuid") or None,
        swap=outcome.get("swap") or None,
        why_in_place=outcome.get("why_in_place") or None,
        kept=outcome.get("kept") or None,
        reason=outcome.get("reason") or None,
        served=dict(outcome.get("served", {})),
        console=list(outcome.get("console", [])),
    )
    return _timed(told, outcome.get("outage_ms", 0), was_on_air=bool(outcome.get("was_on_air", True)))


def of_record(record: Mapping[str, Any], app: str, board: str) -> Deployment:
    """One of those that `log` prints (agent/attempt.py: last)."""
    steps = record.get("steps", [])
    about = next((str(step["release"]) for step in reversed(steps) if step.get("release")), None)
    if outcome := record.get("outcome"):
        told = of_outcome(outcome, app, board)
    elif refused := record.get("failed"):
        told = Deployment(
            app=app, board=board, release=about, verdict="refused", reason=str(refused.get("message", ""))
        )
    else:
        verdict = "running" if "running_s" in record else "did-not-finish"
        told = Deployment(app=app, board=board, release=about, verdict=verdict)
    return replace(
        told,
        started=_iso(record.get("started")),
        who=record.get("who"),
        steps=[{"at": _iso(step["t"]) or "", "step": str(step["step"]), "text": str(step["text"])} for step in steps],
    )


def schema() -> dict[str, Any]:
    """The shape as a JSON Schema (draft 2020-12). Keys that it does not name may come."""
    hints = get_type_hints(Deployment)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "deployment",
        "type": "object",
        "properties": {
            item.name: _typed(hints[item.name]) | _NARROWED.get(item.name, {}) for item in fields(Deployment)
        },
        "required": [item.name for item in fields(Deployment)],
    }


def _typed(hint: Any) -> dict[str, Any]:
    of = get_args(hint)
    if get_origin(hint) is list:
        return {"type": "array", "items": _typed(of[0])}
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _typed(of[1])}
    return {"type": [_TYPES[one] for one in of] if of else _TYPES[hint]}


_NARROWED: dict[str, dict[str, Any]] = {"format": {"const": FORMAT}, "verdict": {"enum": list(VERDICTS)}}


def _timed(told: Deployment, milliseconds: int, *, was_on_air: bool) -> Deployment:
    lasted = milliseconds or (was_on_air and told.verdict in ("live", "rolled-back"))
    seconds = milliseconds / 1000 if told.verdict != "already-live" and lasted else None
    return replace(told, outage_s=seconds) if was_on_air else replace(told, first_start_s=seconds)


def _iso(since_1970: object) -> str | None:
    if not isinstance(since_1970, int | float):
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since_1970))


_PAGE = """\
# JSON

<!-- generated by `python -m edgedeploy.ui.deploymentjson --write docs/json.md`; a test compares -->

With `--json` a command prints one JSON document on stdout, and nothing else there; progress stays on stderr. A failure is
a document too, with the same exit code as without: see [exit codes](exit-codes.md). New keys may come at any time.

| command | document |
|---|---|
| `push`, `rollback` | a deployment, as below |
| `log` | a list of deployments, the oldest first |
| `status` | `board` (profile, agent, live facts) and `apps`: name and state; several boards: a list, `boards`, or `error` of each |
| `release` | `release`, `commit`, `unchanged`, `repository`, `fits`, and the [manifest](deployment-repository.md) |
| `check` | `fits`, `misfits` and `warnings` with their [codes](misfits.md), and what the kernel is |
| `discover` | a list of boards: `id`, `name`, `profile`, `addresses`, `port`, `apps`, `interface` |
| `boards` | a list of profiles, or one with all its facts |
| `enrol` | `board_id`, `name`, `profile`, `agent`, `changes` |
| `recover` | `findings`, `mends` with what became of them, `words` |
| `fetch` | `app`, `board`, `repository`, `commit`, `ref`, `bytes` that were sent, `cloned`, `ahead`, `behind`, `restored` |
| `remove` | `app`, `board`, `release` that was on air, `changes`, `dry_run` |

## A deployment

| key | type | meaning |
|---|---|---|
{rows}

As a JSON Schema:

```json
{schema}
```
"""


def page() -> str:
    """docs/json.md."""
    shapes = schema()["properties"]
    rows = [
        f"| `{item.name}` | {_spoken(shapes[item.name])} | {item.metadata['says']} |" for item in fields(Deployment)
    ]
    return _PAGE.replace("{rows}", "\n".join(rows)).replace("{schema}", json.dumps(schema(), indent=2))


def _spoken(shape: Mapping[str, Any]) -> str:
    kind = shape["type"]
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"]:
        sys.stdout.write(page())
    else:
        Path(sys.argv[2]).write_text(page())
