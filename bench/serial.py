"""How fast, and whether, programs carry a file over a bad serial line: edgedeploy beside ZMODEM, XMODEM and Kermit.

    python -m bench.serial [--runs N] [--size BYTES] [--only WAY,...] [--cells WORD,...] [--write docs/performance-serial.md]

Real programs on real ptys, in real time; the line between two ptys is a relay (bench/relay.py). Ends with 1 where a target
is missed, and with 3 where this computer was too busy for the figures to be believed.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path

from bench import serialpage
from bench.conditions import CONDITIONS, Condition
from bench.course import Outcome, carry, favour, probe
from bench.line import FULL
from bench.rivals import WAYS, Way
from bench.serialpage import Cell, Results, Run

LINES = 10
"""lines at a time"""
PROBED = 0.99
"""of its rate that each line must carry while all of them carry"""
LOST, LEAST_LOST = 0.01, 0.1
"""of the ideal time, and seconds, that a line may have been idle because this computer was busy"""
TRIES = 3
TOO_BUSY = 3


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    ways = [way for way in WAYS if not options.only or way.key in options.only.split(",")]
    if missing := sorted({package for way in ways for name, package in way.needs.items() if not shutil.which(name)}):
        print(f"not installed: {', '.join(missing)}\nsudo apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    began, load = time.monotonic(), [os.getloadavg()[0]]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.lines, mp_context=context, initializer=favour) as pool:
        raw = list(pool.map(probe, [65536] * options.lines, range(options.lines), chunksize=1))
        print(f"{options.lines} lines at a time carry {min(raw):.1%} to {max(raw):.1%} of their rate", flush=True)
        results, noisy = _measure(pool, ways, _conditions(options.cells), options)
    load.append(os.getloadavg()[0])
    run = Run(options.size, range(options.seed, options.seed + options.runs), raw, load, time.monotonic() - began)
    page = serialpage.render(results, ways, run, datetime.now(UTC))
    print(page)
    if min(raw) < PROBED or noisy:
        kept = f" {options.write} is as it was." if options.write else ""
        what = noisy[0] if noisy else f"a line carries {min(raw):.1%} of its rate"
        print(f"too noisy to be believed: {what}.{kept} Run it again when nothing else runs here", file=sys.stderr)
        return TOO_BUSY
    if options.write:
        options.write.write_text(page)
    targets = serialpage.targets(results)
    missed = [
        target for target in targets[: 1 if options.quick else None] if not target.met
    ]  # so short a file is all start
    print("\n".join(f"target missed: {one.words}" for one in missed) or "every target is met", file=sys.stderr)
    return 1 if missed else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serial", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each cell (default 3)")
    parser.add_argument(
        "--size", type=int, default=192 * 1024, metavar="BYTES", help="of each transfer (default 192 KiB)"
    )
    parser.add_argument(
        "--only", default="", metavar="WAY,...", help="only these: " + ", ".join(way.key for way in WAYS)
    )
    parser.add_argument("--cells", default="", metavar="WORD,...", help="only lines with such a word in their names")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the first run (default 1)")
    parser.add_argument("--lines", type=int, default=LINES, metavar="N", help=f"lines at a time (default {LINES})")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, when nothing disturbed")
    parser.add_argument("--quick", action="store_true", help="one run of 16 KiB, to see that it works")
    options = parser.parse_args(argv)
    if options.quick:
        options.runs, options.size = 1, 16 * 1024
    if options.size % 1024 or options.size <= 0:
        parser.error("XMODEM-1K carries whole KiB: --size must be a multiple of 1024")
    if options.write and (options.runs < 3 or options.only or options.cells):
        parser.error("a page needs 3 runs of every cell")
    return options


def _conditions(words: str) -> list[Condition]:
    """All but those in which the cable is out: no rival is meant for that."""
    still = [one for one in CONDITIONS if one.up.cable_out == one.down.cable_out == (0.0, 0.0)]
    return [one for one in still if any(word.lower() in one.name.lower() for word in words.split(","))]


def _measure(
    pool: ProcessPoolExecutor, ways: Sequence[Way], conditions: Sequence[Condition], options: argparse.Namespace
) -> tuple[Results, list[str]]:
    """Every run of every cell, the ways side by side. Also, where the computer was too busy even at the last try."""
    seeds = range(options.seed, options.seed + options.runs)
    results: Results = {}
    noisy: list[str] = []
    waiting: dict[Future[Outcome], tuple[Cell, Way, int, int]] = {}

    def submit(cell: Cell, way: Way, seed: int, tried: int) -> Future[Outcome]:
        future = pool.submit(carry, way.key, cell.condition, options.size, seed, up=cell.up)
        waiting[future] = (cell, way, seed, tried)
        return future

    for seed, condition, up, way in itertools.product(seeds, conditions, (True, False), ways):
        submit(Cell(condition, up), way, seed, 1)
    while waiting:
        for future in as_completed(list(waiting)):
            cell, way, seed, tried = waiting.pop(future)
            outcome = future.result()
            where = f"{cell.condition.name}, {'up' if cell.up else 'down'}, {way.title}, seed {seed}"
            said = f" ({outcome.said})" if outcome.said else ""
            print(f"{where}: {outcome.fault or f'{outcome.share:.1%}'}{said}", flush=True)
            if outcome.lost > max(LOST * options.size / FULL, LEAST_LOST):
                if tried < TRIES:
                    submit(cell, way, seed, tried + 1)
                    continue
                noisy.append(f"{where}: the line was idle for {outcome.lost:.2f} s")
            results.setdefault((cell, way.key), []).append(outcome)
    return results, noisy


if __name__ == "__main__":
    sys.exit(main())
