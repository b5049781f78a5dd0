"""How long a push takes to be live, and for how long nothing is served: edgedeploy against the original scripts.

    python -m bench.outage [--rounds N] [--write docs/performance.md]

One virtual board, three guests that stay up side by side: one deployed by edgedeploy, one by the way of the MirageOS
scripts of 2014, one by nothing but `xl destroy` and `xl create`. Round after round each of them gets a changed slide.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import figures, page
from bench.bare import Bare
from bench.board import Board
from bench.figures import NOISE, Sample
from bench.host import Host
from bench.measure import Way, deploy
from bench.original import Original
from bench.ours import Ours
from edgedeploy.core import errors


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each way, at least 2 (default 5)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, when every round went well")
    options = parser.parse_args(argv)
    if options.rounds < 2:
        parser.error("a median of fewer than 2 rounds says nothing")
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        text, noise = compare(options.rounds)
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


def compare(rounds: int) -> tuple[str, float]:
    """Boot a board, measure, take it down; returns the page, and how far apart the rounds of the reference lie."""
    host = Host.look()
    with Board() as board:
        ways: list[Way] = [Ours(board), Original(board), Bare(board)]
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
        xen = board.xen_version()
    return page.render(results, host.after(), xen, datetime.now(UTC)), figures.noise(results["bare"])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
