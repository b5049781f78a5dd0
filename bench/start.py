"""What edgedeploy costs before it does anything, beside a Python that does nothing.

    python -m bench.start [--rounds N] [--write docs/performance-start.md]

Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import startpage
from bench.command import run
from bench.host import processor
from bench.startpage import Cost, Row
from bench.subjects import environment
from edgedeploy.cli.words import COMPLETE
from edgedeploy.core import errors

ROUNDS = 15
_PERF = ("perf", "stat", "-x,", "-e", "instructions:u")
_CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def laptop() -> tuple[str, list[Row]]:
    """The commands that answer without a board; the first row is the yardstick."""
    program = Path(sys.executable).with_name("edgedeploy")
    if not program.exists():
        raise errors.UsageFault(f"there is no {program}", hint="make bench installs it")

    def typed(*words: str) -> tuple[str, ...]:
        return (sys.executable, str(program), *words)

    pressed = ((COMPLETE, "bash_complete"), ("COMP_WORDS", "edgedeploy pu"), ("COMP_CWORD", "1"))
    return "On the laptop", [
        Row("`python -c pass`", (sys.executable, "-c", "pass")),
        Row("`python -c 'import click'`", (sys.executable, "-c", "import click")),
        Row("`edgedeploy --version`", typed("--version"), target=3.5),
        Row("`edgedeploy --help`", typed("--help"), target=4.0),
        Row("`edgedeploy push --help`", typed("push", "--help")),
        Row("a wrong option: `edgedeploy --nope`", typed("--nope"), status=errors.UsageFault.exit_code),
        Row("the tab key after `edgedeploy pu`", typed(), asked=pressed),
    ]


SECTIONS: tuple[Callable[[], tuple[str, list[Row]]], ...] = (laptop,)
"""one for each place where something of ours starts"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="N", help=f"rounds, at least 3 (default {ROUNDS})"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    options = parser.parse_args(argv)
    if options.rounds < 3:
        parser.error("a median of fewer than 3 rounds says nothing")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="edgedeploy-bench-") as folder:
        try:
            sections = {
                title: measure(rows, options.rounds, environment(Path(folder)))
                for title, rows in (section() for section in SECTIONS)
            }
        except errors.EdgeError as error:
            print(f"the bench did not come to its end: {error.message}\n{error.hint}", file=sys.stderr)
            return error.exit_code
    host = f"{processor()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; load average {load:.1f} before"
    page = startpage.render(sections, host, datetime.now(UTC))
    print(page)
    if options.write:
        options.write.write_text(page)
    missed = [cost.row.title for costs in sections.values() for cost in costs if cost.missed(costs[0])]
    print("\n".join(f"target missed: {title}" for title in missed) or "every target is met", file=sys.stderr)
    return 1 if missed else 0


def measure(rows: Sequence[Row], rounds: int, environment: Mapping[str, str]) -> list[Cost]:
    """Every row in turn, round after round; the first round, which compiles what is imported, is not counted."""
    seconds: dict[Row, list[float]] = {row: [] for row in rows}
    for number in range(rounds + 1):
        for row in rows:
            ended = run(row.argv, {**environment, **dict(row.asked)})
            if ended.status != row.status:
                said = f"`{' '.join(row.argv)}` ended with {ended.status} and not with {row.status}"
                raise errors.BoardFault(said, hint="run it by hand to see why")
            if number:
                seconds[row].append(ended.wall)
    return [Cost(row, tuple(seconds[row]), modules(row, environment), instructions(row, environment)) for row in rows]


def modules(row: Row, environment: Mapping[str, str]) -> int:
    """How many modules Python imports for it, its own included."""
    python, *rest = row.argv
    return len(re.findall(r"^import time: +\d", _said((python, "-X", "importtime", *rest), row, environment), re.M))


def instructions(row: Row, environment: Mapping[str, str]) -> int | None:
    """How many the processor obeys in the program, by its own count or by valgrind's; None where nobody can tell."""
    for tool, said in ((_PERF, r"^(\d+),[^,]*,instructions"), (_CALLGRIND, r"Collected : (\d+)")):
        if shutil.which(tool[0]) and (found := re.search(said, _said((*tool, *row.argv), row, environment), re.M)):
            return int(found[1])
    return None


def _said(argv: Sequence[str], row: Row, environment: Mapping[str, str]) -> str:
    asked = {**environment, **dict(row.asked)}
    return subprocess.run(argv, env=asked, capture_output=True, text=True, errors="replace", check=False).stderr


if __name__ == "__main__":
    sys.exit(main())
