"""state.json of an app: plan.State, written whole and synced at every step."""

from __future__ import annotations

import json
from pathlib import Path

from edgedeploy.agent.plan import PHASES, STEADY, Slot, State
from edgedeploy.core import errors, files
from edgedeploy.core.names import ReleaseId
from edgedeploy.core.strict import Reader

_REASON, _QUARANTINED = 2000, 100  # characters, entries: what is written must always be readable again
_SLOTS = ("good", "previous", "candidate", "failed")


def dumps(state: State) -> bytes:
    """The file's bytes."""
    data: dict[str, object] = {
        "version": 1,
        "phase": state.phase,
        "reason": state.reason[:_REASON],
        "quarantine": {uuid: why[:_REASON] for uuid, why in list(state.quarantine.items())[-_QUARANTINED:]},
    }
    for name in _SLOTS:
        slot = getattr(state, name)
        data[name] = {"release": slot.release, "uuid": slot.uuid} if slot else None
    return json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"


def loads(raw: bytes, where: str) -> State:
    """Raises errors.BadConfig naming the field."""
    try:
        reader = Reader(json.loads(raw), where, errors.BadConfig)
    except ValueError as error:
        raise errors.BadConfig(f"{where} is not JSON: {error}") from None
    reader.whole("version", low=1, high=1)
    slots = {name: _slot(reader, name) for name in _SLOTS}
    return State(
        phase=reader.choice("phase", PHASES, STEADY),
        reason=reader.text("reason", ""),
        quarantine={uuid: str(why) for uuid, why in reader.items("quarantine", {})},
        **slots,
    )


def _slot(reader: Reader, name: str) -> Slot | None:
    table = reader.table(name, None) if reader.has(name) and reader.raw(name) is not None else None
    return Slot(table.name("release", ReleaseId.parse), table.text("uuid", limit=36)) if table else None


def load(path: Path) -> State:
    """The app's state; a board that has none yet, or lost it to a power cut (empty, or full of zeros), starts empty."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return State()
    return loads(raw, str(path)) if raw.strip(b"\0") else State()


def save(path: Path, state: State) -> None:
    """Durable before the effect it announces is performed."""
    files.atomic_write(path, dumps(state))
