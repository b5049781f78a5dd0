"""`make test`: the tiers one after the other, each counted; a tier that did not run is a failure.

Prints one line a tier and, last of all, the sum in one plain line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

TIERS = {
    "unit": ["tests/unit"],
    "corpus": ["tests/corpus"],
    "fuzz": ["tests/fuzz"],
    "contract": ["tests/contract"],
    "board": ["tests/board"],
}
_COUNT = re.compile(r"(\d+) (passed|failed|error|errors|skipped)")


def main() -> int:
    """Run all tiers, or those named on the command line."""
    wanted = sys.argv[1:] or list(TIERS)
    env = {**os.environ, "EDGEDEPLOY_MUST_RUN": "1", "PYTHONUNBUFFERED": "1"}
    total = {"passed": 0, "failed": 0, "skipped": 0}
    lines, ok = [], True
    for tier in wanted:
        print(f"== {tier}", flush=True)
        started = time.monotonic()
        status, counts = run(tier, env)
        if status or not counts.get("passed"):
            ok = False
        for key in total:
            total[key] += counts.get(key, 0)
        total["failed"] += counts.get("errors", 0) + counts.get("error", 0)
        lines.append(
            f"{tier}: {counts.get('passed', 0)} passed, {counts.get('failed', 0)} failed, "
            f"{counts.get('skipped', 0)} skipped in {time.monotonic() - started:.0f} s"
        )
    print("\n".join(["", *lines, ""]))
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if ok else 1


def run(tier: str, env: dict[str, str]) -> tuple[int, dict[str, int]]:
    """One pytest run; its output is passed on as it comes."""
    argv = [sys.executable, "-m", "pytest", "-q", "--durations=5", *TIERS[tier]]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        if _COUNT.search(line) and " in " in line:
            last = line
    return process.wait(), {word: int(number) for number, word in _COUNT.findall(last)}


if __name__ == "__main__":
    sys.exit(main())
