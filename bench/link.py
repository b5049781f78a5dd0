"""How much of a serial line's rate the link carries, in virtual time: a table, the same one for the same seed.

    python -m bench.link [--size BYTES] [--seed N]

Ends with 1 where data arrived wrong, a rule of the line was broken, or a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence

from bench.conditions import CONDITIONS, Condition, carry
from bench.line import FULL

RUNS = 3
WAYS = {"up": (True, False), "down": (False, True), "both, each": (True, True)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.link", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1 << 20, metavar="BYTES", help="of each transfer (default 1 MiB)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first run of each cell (default 1)")
    options = parser.parse_args(argv)
    seeds = range(options.seed, options.seed + RUNS)
    print(f"Simulated lines, 115200 8N1, virtual time; % of {FULL:.0f} bytes/s, {options.size} random bytes a transfer,")
    print(f"median of {RUNS} runs, seeds {seeds[0]} to {seeds[-1]}.\n")
    print("| line | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
    complaints: list[str] = []
    for condition in CONDITIONS:
        cells = [cell(condition, way, options.size, seeds, complaints) for way in WAYS]
        print(f"| {condition.name} | " + " | ".join(cells) + " |", flush=True)
    print("\n" + ("\n".join(complaints) or "right data in every cell; every goal is met"))
    return 1 if complaints else 0


def cell(condition: Condition, way: str, size: int, seeds: Sequence[int], complaints: list[str]) -> str:
    """One cell of the table; what is wrong with it is added to `complaints`."""
    up, down = WAYS[way]
    rates = []
    for seed in seeds:
        outcome = carry(condition, size, seed, up=up, down=down)
        where = f"{condition.name}, {way}, seed {seed}"
        if not outcome.right:
            complaints.append(f"{where}: the data did not arrive, or arrived wrong")
            return "FAIL"
        complaints += [f"{where}: {what}" for what in outcome.wrong[:3]]
        rates.append(100 * size / FULL / outcome.seconds)
    reached = statistics.median(rates)
    goal = {"up": condition.goal_up, "down": condition.goal_down}.get(way, 0.0)
    if reached < goal:
        complaints.append(f"{condition.name}, {way}: {reached:.1f} %, the goal is {goal} %")
    return f"{reached:.1f}" + (f" (goal {goal})" if goal else "")


if __name__ == "__main__":
    sys.exit(main())
