"""Runs on the board, by its own Python: what the agent's commands take there, round after round. Prints JSON.

    python3 -IS onboard.py ROUNDS

{"ROW": [seconds, …], …}, and by "processes" how many processes each row started, by the kernel's own count.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time

AGENT = "/usr/local/bin/edgedeploy-agent"
HELLO = b'{"kind":"hello"}'
ROWS = {
    "python": ["python3", "-IS", "-c", "pass"],
    "version": [AGENT, "--version"],
    "greeting": [AGENT, "serve"],
    "hello": [AGENT, "serve"],
    "tick": [AGENT, "pull", "decks"],
}


def started() -> int:
    """Processes and threads since boot (proc(5), /proc/stat)."""
    with open("/proc/stat") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("processes "))


def seconds(row: str) -> float:
    """How long until it has ended, or said what it is asked for."""
    began = time.monotonic()
    with subprocess.Popen(ROWS[row], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin
        assert process.stdout
        if row == "hello":
            process.stdin.write(struct.pack(">II", len(HELLO), 0) + HELLO)
            process.stdin.flush()
        wanted = {"greeting": b"edgedeploy-agent/1\n", "hello": b'"kind":"welcome"'}.get(row)
        said = b""
        while piece := os.read(process.stdout.fileno(), 65536):
            said += piece
            if wanted and wanted in said:
                break
        took = time.monotonic() - began
    if wanted and wanted not in said:
        raise SystemExit(f"{row}: {said[-300:]!r}")
    return took if wanted else time.monotonic() - began


def main() -> None:
    """The first round, which fills the page cache, does not count."""
    times: dict[str, list[float]] = {row: [] for row in ROWS}
    processes = {}
    for number in range(int(sys.argv[1]) + 1):
        for row in ROWS:
            before = started()
            took = seconds(row)
            processes[row] = started() - before
            if number:
                times[row].append(took)
    print(json.dumps({**times, "processes": processes}))


main()
