"""What agent/plan.py decides, as the tables of docs/rollback.md: `python -m tests.plan_table --write docs/rollback.md`.

Every row is what `decide` gives when it is asked; rows that differ in one column alone are one row.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

from edgedeploy.agent import plan
from edgedeploy.agent.plan import Slot, State

BEGIN, END = (
    "<!-- decided by `python -m tests.plan_table --write docs/rollback.md`; a test compares -->",
    "<!-- end -->",
)
GOOD, CANDIDATE, NEW, BEFORE = (Slot(name, f"uuid-{name}") for name in ("good", "candidate", "new", "previous"))
CALLED = {GOOD: "`good`", CANDIDATE: "the candidate", NEW: "the new one", BEFORE: "`previous`"}
Row = tuple[str, ...]


def _state(phase: str) -> State:
    trying = phase in plan.TRYING
    return State(
        phase, GOOD, BEFORE, CANDIDATE if trying else None, CANDIDATE if phase == plan.RETURNING else None,
        "why" if phase in (plan.RETURNING, plan.STUCK) else "",
    )  # fmt: skip


STATES: dict[str, State] = {
    "nothing was ever good": State(),
    **{f"`{phase}`": _state(phase) for phase in (plan.STEADY, plan.STANDBY, plan.CUT, plan.TRIAL)},
    "`trial` with nothing good": State(plan.TRIAL, candidate=CANDIDATE),
    f"`{plan.RETURNING}`": _state(plan.RETURNING),
    f"`{plan.RETURNING}` with a candidate": replace(_state(plan.RETURNING), candidate=CANDIDATE, failed=None),
    f"`{plan.STUCK}`": _state(plan.STUCK),
}
"""by what a reader calls them"""


def effect_words(effect: plan.Effect, called: Mapping[Slot, str] = CALLED) -> str:
    """An effect, in the docs' words."""
    match effect:
        case plan.Beside(slot):
            return f"start {called[slot]} beside"
        case plan.ProbeBeside(slot):
            return f"ask {called[slot]} there"
        case plan.CutOver(slot):
            return f"put {called[slot]} on air by its port"
        case plan.Swap(slot):
            return f"start {called[slot]} in place"
        case plan.Probe(slot):
            return f"ask {called[slot]}"
        case plan.Clear(slot):
            return f"remove {called[slot]}"
        case plan.Look(repository=True):
            return "look again"
        case plan.Look():
            return "look again at what runs"
        case plan.Finish(verdict):
            return f"end: *{verdict}*"
    raise AssertionError(effect)


def _decided(state: State, event: plan.Event) -> Row:
    after, effect = plan.decide(state, event)
    return "as it was" if after.phase == state.phase else f"`{after.phase}`", effect_words(effect)


def _possible(state: State, slots: tuple[Slot, ...]) -> bool:
    """Whether such a state knows of these releases. What has failed is in quarantine."""
    return all(slot in (state.good, state.candidate, NEW) for slot in slots)


def seen_rows() -> list[Row]:
    """What is decided about what is seen: (state, wanted, on air, waits beside) -> (phase, effect)."""
    wanted: dict[str, Slot | None] = {
        "nothing": None, "`good`": GOOD, "the candidate": CANDIDATE, "a new one": NEW, "one in quarantine": BEFORE,
    }  # fmt: skip
    on_air: dict[str, Slot | None] = {"nothing": None, "`good`": GOOD, "the candidate": CANDIDATE}
    beside: dict[str, Slot | None] = {"nothing": None, "`good`": GOOD, "the candidate": CANDIDATE}
    rows = []
    for (name, state), (w, want), (r, runs), (b, waits) in product(
        STATES.items(), wanted.items(), on_air.items(), beside.items()
    ):
        known = tuple(slot for slot in (want, runs, waits) if slot and slot is not BEFORE)
        if (runs and runs is waits) or not _possible(state, known):
            continue
        now = replace(state, quarantine={BEFORE.uuid: "why"})
        event = plan.Seen(want, runs.uuid if runs else "", frozenset({waits.uuid} if waits else ()))
        rows.append((name, w, r, b, *_decided(now, event)))
    return rows


def event_rows() -> list[Row]:
    """What is decided about any other event: (event, state) -> (phase, effect)."""
    events: dict[str, Callable[[State], plan.Event | None]] = {
        "it cannot stand beside": lambda s: plan.NotBeside("why") if s.phase == plan.STANDBY else None,
        "… and is to be there or nowhere": lambda s: (
            plan.NotBeside("why", must=True) if s.phase == plan.STANDBY else None
        ),
        "it stands beside": lambda s: plan.Standing() if s.phase == plan.STANDBY else None,
        "it is on air": lambda s: plan.Swapped() if s.phase in (plan.CUT, plan.TRIAL, plan.RETURNING) else None,
        "it answered": lambda s: plan.Answered() if s.phase in (*plan.TRYING, plan.RETURNING) else None,
        "it broke": lambda s: plan.Broke("why") if s.phase in (*plan.TRYING, plan.RETURNING) else None,
        "it was removed": lambda s: plan.Cleared() if s == State() else None,
        "rollback asked": lambda s: plan.RollbackAsked(None, "anna"),
        "… to what is `good`": lambda s: plan.RollbackAsked(GOOD, "anna") if s.good else None,
        "retry asked": lambda s: plan.RetryAsked(BEFORE.uuid),
    }
    rows = []
    for (event, make), (name, state) in product(events.items(), STATES.items()):
        if happened := make(state):
            rows.append((event, name, *_decided(state, happened)))
    return rows


def merged(rows: list[Row], *columns: int) -> list[Row]:
    """Rows that are the same but for one of these columns, as one row."""
    for column in columns:
        every = list(dict.fromkeys(row[column] for row in rows))
        groups: dict[Row, list[str]] = {}
        for row in rows:
            groups.setdefault((*row[:column], *row[column + 1 :]), []).append(row[column])
        rows = [(*rest[:column], _joined(values, every), *rest[column:]) for rest, values in groups.items()]
    return rows


def _joined(values: list[str], every: list[str]) -> str:
    return "whatever" if len(values) == len(every) > 1 else ", ".join(values)


def table(head: Row, rows: list[Row]) -> str:
    """Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def block() -> str:
    """The generated part of docs/rollback.md."""
    seen = table(
        ("state", "wanted", "on air", "waits beside", "phase becomes", "what is done"), merged(seen_rows(), 3, 2, 1, 0)
    )
    events = table(("event", "state", "phase becomes", "what is done"), merged(event_rows(), 1))
    return f"{BEGIN}\n\n**Seen**, at every push, tick, boot and `apply`:\n\n{seen}\n\n**Then:**\n\n{events}\n\n{END}"


def written(text: str) -> str:
    """The page with its tables made anew."""
    before, rest = text.split(BEGIN)
    return before + block() + rest.split(END)[1]


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"]:
        sys.stdout.write(block() + "\n")
    else:
        page = Path(sys.argv[2])
        page.write_text(written(page.read_text()))
