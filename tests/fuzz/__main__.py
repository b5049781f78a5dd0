"""`python -m tests.fuzz TARGET FILE` replays one input; `python -m tests.fuzz --seconds N [TARGET…]` fuzzes, N in all."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import child, engine
from tests.fuzz.target import Target, timed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=0, help="how long, over all targets together")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="libFuzzer's; default: dice")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="targets at the same time")
    parser.add_argument("words", nargs="*", metavar="TARGET|FILE")
    given = parser.parse_args()
    known = child.targets()
    if not given.seconds:
        return _replay(known | child.targets("tests.fuzz.planted"), given.words)
    if unknown := [word for word in given.words if word not in known]:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(known)}")
    chosen = [known[word] for word in given.words] or list(known.values())
    share = given.seconds * given.jobs / sum(target.share for target in chosen)
    print(f"{len(chosen)} targets, {share:.0f} s a share, {given.jobs} at a time, seed {given.seed}", flush=True)
    failed = []
    with ThreadPoolExecutor(given.jobs) as pool:
        for run in pool.map(
            lambda one: engine.fuzz(one, max(int(share * one.share), 1), seed=given.seed, keep=True), chosen
        ):
            print(run.line(), flush=True)
            if run.status:
                failed.append(run)
    for run in failed:
        print(f"\n{run.failure()}")
    print(f"{len(chosen) - len(failed)} targets held, {len(failed)} failed")
    return 1 if failed else 0


def _replay(known: dict[str, Target], words: list[str]) -> int:
    if len(words) != 2 or words[0] not in known:
        print(f"usage: python -m tests.fuzz TARGET FILE   with TARGET one of {', '.join(known)}", file=sys.stderr)
        return 2
    child.tame()
    timed(known[words[0]].run)(Path(words[1]).read_bytes())
    print(f"{words[0]}: holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
