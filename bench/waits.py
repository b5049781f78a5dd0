"""How long edgedeploy keeps a person waiting: until it says what has happened, or lets go.

    python -m bench.waits [--rounds N] [--only WORD,...] [--write docs/performance-waits.md]

Real peers, real time. Ends with 1 where a target is missed, and with 2 where something that is measured did not happen.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import waitcable, waitconsole, waitguest, waitmdns, waitpage, waitssh
from bench.host import processor
from bench.waiting import Results, Scene
from edgedeploy.core import errors
from tests.contract.cable_places import UBOOT

SCENES = (*waitssh.SCENES, *waitmdns.SCENES, *waitcable.SCENES, *waitconsole.SCENES, *waitguest.SCENES)
PROGRAMS = {
    "sshd": "openssh-server", "avahi-daemon": "avahi-daemon", "ip": "iproute2", "agetty": "util-linux",
    "qemu-system-arm": "qemu-system-arm",
}  # fmt: skip
DID_NOT_HAPPEN = 2


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    if wanting := _wanting():
        print(f"the bench needs {wanting}; make bench installs what can be installed", file=sys.stderr)
        return DID_NOT_HAPPEN
    load = os.getloadavg()[0]
    try:
        results = measure(chosen(options.only), options.rounds)
    except (AssertionError, errors.EdgeError) as failed:
        print(f"the bench did not come to its end: {failed}", file=sys.stderr)
        return DID_NOT_HAPPEN
    machine = f"{processor()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"
    host = f"{machine}; load average {load:.1f} before, {os.getloadavg()[0]:.1f} at the end"
    page = waitpage.render(results, host, datetime.now(UTC))
    print(page)
    if options.write:
        options.write.write_text(page)
    missed = [f"{wait.where}: {wait.happens}" for wait, seconds in results.items() if wait.missed(seconds)]
    print("\n".join(f"target missed: {words}" for words in missed) or "every target is met", file=sys.stderr)
    return 1 if missed else 0


def chosen(words: str) -> list[Scene]:
    """The scenes with one of these words, which commas separate, in a row of theirs."""

    def has(scene: Scene) -> bool:
        rows = " ".join(f"{wait.where} {wait.happens} {wait.until}" for wait in scene.waits).lower()
        return any(word.lower() in rows for word in words.split(","))

    return [scene for scene in SCENES if has(scene)]


def measure(scenes: Sequence[Scene], rounds: int) -> Results:
    """Every scene in turn, round after round."""
    results: Results = {wait: [] for scene in scenes for wait in scene.waits}
    for number in range(1, rounds + 1):
        for scene in scenes:
            with tempfile.TemporaryDirectory(prefix="edgedeploy-bench-") as folder:
                try:
                    measured = scene.play(Path(folder))
                except (AssertionError, errors.EdgeError) as failed:
                    raise AssertionError(f"{scene.waits[0].where}, {scene.waits[0].happens}: {failed}") from failed
            for wait, seconds in zip(scene.waits, measured, strict=True):
                results[wait].append(seconds)
                said = f"round {number} of {rounds}, {wait.where}, {wait.happens}, {wait.until}: {seconds:.2f} s"
                print(said, file=sys.stderr, flush=True)
    return results


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.waits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each row (default 5)")
    parser.add_argument("--only", default="", metavar="WORD,...", help="only rows with such a word in them")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("nothing is measured in no round")
    if options.write and (options.rounds < 3 or options.only):
        parser.error("a page needs 3 rounds of every row")
    if not chosen(options.only):
        parser.error(f"no row has such a word: {options.only}")
    return options


def _wanting() -> str:
    """What is not here, "" when all is."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)]
    missing += [] if UBOOT.exists() else ["u-boot-qemu"]
    missing += [] if os.geteuid() == 0 else ["root, for namespaces"]
    return ", ".join(missing)


if __name__ == "__main__":
    sys.exit(main())
