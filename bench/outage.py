"""How long a push takes to be live, and for how long nothing is served: edgedeploy against the original scripts.

    python -m bench.outage [--rounds N] [--alone N] [--write docs/performance.md]

One virtual board, four guests that stay up side by side: two deployed by edgedeploy, one of them in place, one by the way of
the MirageOS scripts of 2014, one by nothing but `xl destroy` and `xl create`. Round after round each of them gets a changed
slide. Then edgedeploy alone: more pushes, releases that fail, and rollbacks.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import figures, ownnet, page, slides
from bench.bare import Bare
from bench.board import Board, edgedeploy
from bench.figures import NOISE, Sample
from bench.host import Host
from bench.measure import Way, deploy
from bench.original import Original
from bench.ours import InPlace, Ours
from edgedeploy.core import errors


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each way, at least 2 (default 5)")
    parser.add_argument("--alone", type=int, default=15, metavar="N", help="further pushes of edgedeploy alone (default 15)")
    parser.add_argument("--others", type=int, default=5, metavar="N", help="failing releases, and rollbacks (default 5)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, when every round went well")
    options = parser.parse_args(argv)
    if options.rounds < 2:
        parser.error("a median of fewer than 2 rounds says nothing")
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        if not ownnet.inside():
            subprocess.run(edgedeploy("lab", "build"), check=True)  # from inside no package archive is reached
            ownnet.enter("bench.outage", sys.argv[1:] if argv is None else argv)
        ownnet.make()
        text, noise = compare(options.rounds, options.alone, options.others)
    except KeyboardInterrupt:
        print("interrupted: the board is down, nothing was written", file=sys.stderr)
        return 130
    except errors.EdgeError as error:
        said = "".join(f"\n  {line}" for line in error.details)
        hint = f"\n{error.hint}" if error.hint else ""
        print(f"the bench did not come to its end: {error.message}{said}{hint}", file=sys.stderr)
        return error.exit_code
    print(text)
    if noise > NOISE:
        print(
            f"too noisy to be believed: rounds of bare xl lie {noise:.1f} to 1 apart, at most {NOISE} is taken. "
            f"{f'{options.write} is as it was. ' if options.write else ''}Run it again when this computer does nothing else",
            file=sys.stderr,
        )
        return 1
    if options.write:
        options.write.write_text(text)
    return 0


def compare(rounds: int, alone: int, others: int) -> tuple[str, float]:
    """Boot a board, measure, take it down; returns the page, and how far apart the rounds of the reference lie."""
    host = Host.look()
    with Board(ownnet.TAP, ownnet.BRIDGE) as board:
        ours = Ours(board)
        ways: list[Way] = [ours, InPlace(board), Original(board), Bare(board)]
        results: dict[str, list[Sample]] = {way.key: [] for way in ways}
        board.quieten()
        for way in ways:
            _say(f"{way.title}: the first deployment, not counted")
            deploy(way, board, 0)
        for number in range(1, rounds + 1):
            for way in ways:
                sample = deploy(way, board, number)
                results[way.key].append(sample)
                _say(f"round {number} of {rounds}, {way.title}: {sample.brief()}")
        last = rounds + alone
        for number in range(rounds + 1, last + 1):
            results["ours"].append(_told(deploy(ours, board, number), f"push {number} of {last}"))
        results["failing"] = [
            _told(ours.fail(slides.mark("ours", last), number), f"failing release {number} of {others}")
            for number in range(1, others + 1)
        ]
        deploy(ours, board, last + 1)  # what waits is the one before, and not one that failed
        marks = [slides.mark("ours", last + 1), slides.mark("ours", last)]
        results["back"] = [
            _told(ours.back(marks[number % 2], marks[(number + 1) % 2]), f"rollback {number + 1} of {others}")
            for number in range(others)
        ]
        xen = board.xen_version()
    return page.render(results, rounds, host.after(), xen, datetime.now(UTC)), figures.noise(results["bare"])


def _told(sample: Sample, what: str) -> Sample:
    _say(f"{what}: {sample.brief()}")
    return sample


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
