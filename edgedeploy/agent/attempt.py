"""The record of one deployment: JSON lines on disk, written as it happens, read by whoever waits for it and by `log`."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgedeploy.core import errors, files

KEEP = 50
_SLACK_S = 10.0  # a clock may have been put right a little meanwhile
_NOTHING_HAPPENED = ("already-live", "idle", "quarantined")


class Attempt:
    """An open record. Each line is {"t": seconds since the epoch, ...}; the last has "outcome" or "failed"."""

    def __init__(self, path: Path, who: str, *, followed: bool = False) -> None:
        """`followed`: somebody waits for the end of this record, so it is kept even when nothing happened."""
        self.path = path
        self.followed = followed
        self._worth_keeping = True
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1)
        self._write({"who": who, "pid": os.getpid()})

    def _write(self, entry: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a full disk must not stop what is being recorded
            self._file.write(json.dumps({"t": round(time.time(), 3), **entry}) + "\n")

    def event(self, step: str, text: str, release: str = "") -> None:
        """Say what is being done; `step` as in messages.Event. `release` is the one that it is about."""
        self._write({"step": step, "text": text, **({"release": release} if release else {})})

    def events(self, step: str, texts: Iterable[str]) -> None:
        """Note several of one step."""
        for text in texts:
            self.event(step, text)

    def outcome(self, outcome: dict[str, Any]) -> None:
        """The end: what became of it (fields of messages.Outcome)."""
        self._write({"outcome": outcome})
        # a tick of cron that found nothing to do must not push real deployments out of the history
        self._worth_keeping = self.followed or outcome.get("verdict") not in _NOTHING_HAPPENED
        with contextlib.suppress(OSError):
            self._file.flush()
            os.fsync(self._file.fileno())

    def failed(self, error: errors.EdgeError) -> None:
        """The end: refused before the guest was touched."""
        self._write(
            {
                "failed": {
                    "code": error.exit_code,
                    "message": error.message,
                    "hint": error.hint,
                    "details": list(error.details),
                }
            }
        )
        # what was mistyped is no deployment; whoever follows this record removes it after having read it
        self._worth_keeping = self.followed or error.exit_code != errors.UsageFault.exit_code

    def close(self) -> None:
        """Close and drop the oldest records beyond KEEP."""
        with contextlib.suppress(OSError):
            self._file.close()
        if not self._worth_keeping:
            self.path.unlink(missing_ok=True)
        for old in sorted(self.path.parent.glob("*.jsonl"))[:-KEEP]:
            old.unlink(missing_ok=True)


def new_path(folder: Path) -> Path:
    """A fresh record's path; names sort in the order they were made, also on a board whose clock was set back."""
    newest = max((int(path.name[:20]) for path in folder.glob("*.jsonl") if path.name[:20].isdigit()), default=0)
    return folder / f"{max(time.time_ns(), newest + 1):020d}-{os.getpid()}.jsonl"


def read(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole lines from `offset` on, and where to go on reading. A half-written line waits for its rest.

    Lines that a power cut has left damaged are passed over.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            raw = file.read()
    except FileNotFoundError:
        return [], offset
    whole = raw[: raw.rfind(b"\n") + 1]
    lines = []
    for line in whole.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            lines += [entry] if isinstance(entry, dict) and "t" in entry else []
    return lines, offset + len(whole)


def last(folder: Path, count: int) -> list[dict[str, Any]]:
    """The newest `count` records, oldest first: {"id", "started", "who", "steps": [...], "outcome"|"failed"}.

    One that has no end yet and whose process is there has "running_s", seconds, instead.
    """
    records = []
    for path in sorted(folder / name for name in files.listed(folder) if name.endswith(".jsonl"))[-count:]:
        record: dict[str, Any] = {"id": path.stem, "steps": []}
        for line in read(path)[0]:
            if "step" in line:
                record["steps"].append(line)
            else:
                record.setdefault("started", line["t"])
                record.update({key: value for key, value in line.items() if key != "t"})
        since = _since(record.get("started", 0))
        if not record.keys() & {"outcome", "failed"} and _runs(record.get("pid"), since):
            record["running_s"] = since
        records.append(record)
    return records


def _since(started: float) -> float:
    """Seconds; no more than the board has been up, whose clock may have learned the time meanwhile."""
    return round(min(max(0.0, time.time() - started), time.clock_gettime(time.CLOCK_BOOTTIME)), 1)


def _runs(pid: object, since: float) -> bool:
    """Whether the process that wrote a record `since` seconds ago is an agent still: its number may be another's by now."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # proc(5): starttime, the 22nd; pid and name are gone
        old_enough = time.clock_gettime(time.CLOCK_BOOTTIME) - started + _SLACK_S >= since
        return old_enough and b"edgedeploy" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return False
