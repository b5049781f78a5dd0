"""How long `edgedeploy check` takes, from the key press to the prompt, beside Python that does nothing.

    python -m bench.check [--rounds N] [--write docs/performance-check.md]

Ends with 1 where a target is missed, and with 3 where this computer was too busy for the figures to be believed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import checkpage, subjects
from bench.command import Run, run
from bench.figures import NOISE, Spread
from bench.host import processor
from bench.subjects import Subject
from edgedeploy.core import errors

WAITING = 1.25
"""how much longer than their processor time all commands may take: more, and something else was at work"""
TOO_BUSY = 3

Results = dict[Subject, list[Run]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds, at least 3 (default 9)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, when nothing disturbed")
    options = parser.parse_args(argv)
    if options.rounds < 3:
        parser.error("a median of fewer than 3 rounds says nothing")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="edgedeploy-bench-") as folder:
        try:
            results = measure(subjects.prepare(Path(folder)), options.rounds, Path(folder))
        except errors.EdgeError as error:
            print(f"the bench did not come to its end: {error.message}\n{error.hint}", file=sys.stderr)
            return error.exit_code
    host = f"{processor()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; load average {load:.1f} before"
    page = checkpage.render(results, host, datetime.now(UTC))
    print(page)
    if disturbed := disturbance(results):
        kept = f" {options.write} is as it was." if options.write else ""
        print(f"too noisy to be believed: {disturbed}.{kept} Run it again when nothing else runs here", file=sys.stderr)
        return TOO_BUSY
    if options.write:
        options.write.write_text(page)
    missed = [subject.title for subject, runs in results.items() if checkpage.missed(subject, runs)]
    print("\n".join(f"target missed: {title}" for title in missed) or "every target is met", file=sys.stderr)
    return 1 if missed else 0


def measure(rows: Sequence[Subject], rounds: int, folder: Path) -> Results:
    """Every command in turn, round after round; the first round, which fills the caches, is not counted."""
    environment = subjects.environment(folder)
    results: Results = {row: [] for row in rows}
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}" if number else "a round that does not count", file=sys.stderr, flush=True)
        for row in rows:
            ended = run(row.argv, environment)
            if ended.status != row.status:
                said = f"`{' '.join(row.argv)}` ended with {ended.status} and not with {row.status}"
                raise errors.BoardFault(said, hint="run it by hand to see why")
            if number:
                results[row].append(ended)
    return results


def disturbance(results: Results) -> str:
    """What speaks against believing the figures; "" where nothing does."""
    wall, cpu = (sum(getattr(one, what) for runs in results.values() for one in runs) for what in ("wall", "cpu"))
    if wall > WAITING * cpu:
        return f"of {wall:.0f} s the commands were on a processor for {cpu:.0f} s"
    reference = Spread.of([one.wall for one in results[subjects.REFERENCE]])
    if reference.most > NOISE * reference.least:
        return f"{subjects.REFERENCE.title} takes {reference.ms()} ms"
    return ""


if __name__ == "__main__":
    sys.exit(main())
