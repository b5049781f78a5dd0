"""`make test` and `make test-all`: the tiers, each counted; a tier that did not run is a failure.

    python -m tests.run [--all] [--workers N] [--seed N] [TIER…]

First the tests that need no board, on several workers; meanwhile the virtual board's image is built where the cache has
none. Then those that need one, on two boards, each with a network of its own; beside them, as far as they leave the cores
idle, what can wait. The last line is the sum in plain words.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import tiers

WORKERS = 3 * (os.cpu_count() or 2)
"""the contract tier waits for real peers most of the time"""
BOARDS = 2
"""virtual boards at once, of one core each: with two it would now and then wait with a lock held, and its other core spin"""
KEPT = ("EDGEDEPLOY_CACHE_DIR", "EDGEDEPLOY_DEBIAN_MIRROR")
SHM = Path("/dev/shm")
ROOM = 6 << 30
"""bytes: the corpus' files take one and a half thousand million, and the tests need memory themselves"""
BUILDING_S = 1800.0
"""a guard: the image takes a minute, and where the mirror is slow some more"""


def main() -> int:
    """Run what is wanted and say what it was; the exit status is whether all of it held."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every tier there is, and more examples of each property")
    parser.add_argument("--workers", type=int, default=int(os.environ.get("EDGEDEPLOY_WORKERS", WORKERS)))
    parser.add_argument(
        "--seed", type=int, default=0, help="of the property tests' examples; 0: the same ones each time"
    )
    parser.add_argument("tiers", nargs="*", metavar="TIER", help=", ".join(tiers.TIERS))
    given = parser.parse_args()
    if unknown := [name for name in given.tiers if name not in tiers.TIERS]:
        parser.error(f"no tier {unknown[0]!r}; there are {', '.join(tiers.TIERS)}")
    wanted = given.tiers or (list(tiers.TIERS) if given.all else tiers.USUAL)
    # how whoever runs the tests has set edgedeploy up must not decide what they find, only where the image is
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("EDGEDEPLOY_") or name in KEPT}
    env = {**theirs, "EDGEDEPLOY_MUST_RUN": "1", "PYTHONUNBUFFERED": "1", "EDGEDEPLOY_SEED": str(given.seed)}
    # containers often set it; then each worker, and each edgedeploy that a test starts, compiles everything anew
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    if given.all:
        env["EDGEDEPLOY_THOROUGH"] = "1"
    with tempfile.TemporaryDirectory() as home:
        kept = {"XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}
        status = run(wanted, given.workers, env | kept)
        return strays(Path(home)) or status


def strays(home: Path) -> int:
    """Each test keeps its files in a folder of its own (tests/conftest.py); 1 where one did not: others would find them."""
    found = sorted(str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir())
    for path in found:
        print(f"a test wrote in the user's own folders, where others find it: {path}")
    return 1 if found else 0


def run(wanted: list[str], workers: int, env: dict[str, str]) -> int:
    """Every run that the wanted tiers need; prints the summary."""
    began, load = time.monotonic(), os.getloadavg()[0]  # clock: says how long it took, decides nothing
    print(f"tiers {', '.join(wanted)}; {workers} workers, load {load:.1f}, seed {env['EDGEDEPLOY_SEED']}", flush=True)
    image = Image(env) if any(tiers.TIERS[name].folder == tiers.BOARDS for name in wanted) else None
    ok, counts, slowest = True, {name: Counter[str]() for name in wanted}, Counter[str]()

    def count(status: int, told: dict) -> None:
        nonlocal ok
        ok = ok and status == 0
        slowest.update(dict(told.get("slowest", [])))
        for name, outcomes in told.get("tiers", {}).items():
            counts[name].update(outcomes)

    for together in tiers.runs(wanted):
        patient = tiers.beside(wanted) if tiers.TIERS[together[0]].folder == tiers.BOARDS else []
        with Beside(patient, env) as beside:
            count(*pytest(together, workers, env, image))
            if patient:
                count(*beside.end())
    took, after = time.monotonic() - began, os.getloadavg()[0]  # clock: as above
    print("\nthe slowest:\n" + "\n".join(f"  {seconds:6.1f} s  {name}" for name, seconds in slowest.most_common(10)))
    print(f"\n{took / 60:.1f} min with {workers} workers; load {load:.1f} at the start, {after:.1f} at the end")
    for name, outcomes in counts.items():
        print(f"{name}: {line(outcomes)}" + ("" if outcomes["passed"] else "  <- this tier did not run"))
    total = sum(counts.values(), Counter[str]())
    print(f"\n{line(total)}")
    return 0 if ok and all(outcomes["passed"] for outcomes in counts.values()) and not total["failed"] else 1


def line(outcomes: Counter[str]) -> str:
    """In plain words."""
    return ", ".join(f"{outcomes[word]} {word}" for word in ("passed", "failed", "skipped"))


def pytest(together: list[str], workers: int, env: dict[str, str], image: Image | None) -> tuple[int, dict]:
    """One pytest run of some tiers: its exit status, and what tests/tally.py counted (nothing after a crash)."""
    argv = command(together, env)
    folders = sorted({tiers.TIERS[name].folder for name in together})
    if image and tiers.BOARDS in folders:
        image.wait()
        argv += ["-p", "tests.board.apart"]
        if os.geteuid() == 0:  # nobody else can have two boards, which need a network each
            argv += ["-n", str(BOARDS), "--dist", "loadgroup", "--no-loadscope-reorder", "--max-worker-restart", "0"]
    elif all(tiers.TIERS[name].parallel for name in together):
        argv, env = in_memory(argv, env)
        if workers > 1:
            compiled(folders, env)
            argv += ["-n", str(workers), "--dist", "loadgroup", "--max-worker-restart", "2"]
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted"
        ended = subprocess.run(argv, env={**env, "EDGEDEPLOY_TALLY": str(counted)}, check=False)
        return ended.returncode, json.loads(counted.read_text()) if counted.exists() else {}


class Beside:
    """A run of `tiers` that takes what is left of the cores, and is silent until its end. Without tiers it is none."""

    def __init__(self, together: list[str], env: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._counted, self._said = (Path(self._folder.name) / name for name in ("counted", "said"))
        self._process: subprocess.Popen[bytes] | None = None
        if together:
            argv, env = in_memory(command(together, env), env)
            argv += ["-n", str(os.cpu_count() or 2), "--dist", "loadgroup", "--max-worker-restart", "2"]
            with self._said.open("wb") as said:
                self._process = subprocess.Popen(
                    argv, env={**env, "EDGEDEPLOY_TALLY": str(self._counted)}, stdin=subprocess.DEVNULL, stdout=said,
                    stderr=said, start_new_session=True,
                )  # fmt: skip
            _yielding(self._process.pid)

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:  # Ctrl-C, in the run beside it
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()

    def end(self) -> tuple[int, dict]:
        """Wait for it, and print what it said; as `pytest` returns."""
        assert self._process
        status = self._process.wait()
        print(self._said.read_text(errors="replace"), flush=True)
        return status, json.loads(self._counted.read_text()) if self._counted.exists() else {}


def _yielding(pid: int) -> None:
    """Have a new session's processes wait for all others (sched(7), "The autogroup feature": nice counts in a session only)."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, 19)
        Path(f"/proc/{pid}/autogroup").write_text("19")


def command(together: list[str], env: dict[str, str]) -> list[str]:
    """The command line of a pytest run of some tiers."""
    folders = sorted({tiers.TIERS[name].folder for name in together})
    seed = [] if env["EDGEDEPLOY_SEED"] == "0" else [f"--hypothesis-seed={env['EDGEDEPLOY_SEED']}"]
    return [sys.executable, "-m", "pytest", "-q", "-p", "tests.tally", *seed, "-m", " or ".join(together), *folders]


def in_memory(argv: list[str], env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The same run with its folders in memory, where there is room: the agent and git wait for a disk at each step."""
    if (room := memory()) is None:
        return argv, env
    kept = ["-o", "tmp_path_retention_policy=failed", "-o", "tmp_path_retention_count=1"]
    return [*argv, *kept], {**env, "PYTEST_DEBUG_TEMPROOT": str(room)}


def compiled(folders: list[str], env: dict[str, str]) -> None:
    """Have the tests compiled once, by a process a core: in a new clone each worker would do it, all at the same time."""
    files = sorted(str(path) for folder in folders for path in Path(folder).rglob("test_*.py"))
    cores = os.cpu_count() or 2
    collect = [sys.executable, "-m", "pytest", "-q", "--collect-only"]
    shares = [
        subprocess.Popen([*collect, *share], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for share in (files[core::cores] for core in range(cores)) if share
    ]  # fmt: skip
    for process in shares:
        process.wait()  # what is wrong with a test is told by the run itself


def memory() -> Path | None:
    """Where the tests' own folders cost no wait for a disk, which the agent and git sync at each step; None: no room."""
    available = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    free = min(shutil.disk_usage(SHM).free, int(available[1]) * 1024 if available else 0) if SHM.is_dir() else 0
    return SHM if free >= ROOM else None


class Image:
    """The virtual board's image, built beside the first tiers. A build that fails is told by the tests that need it."""

    def __init__(self, env: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the build goes on
        argv = [sys.executable, "-m", "edgedeploy", "lab", "build"]
        self._process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def wait(self) -> None:
        """Until it is there; says what the build said when it is not."""
        if self._process.wait(BUILDING_S):
            self._log.seek(0)
            print(self._log.read().decode(errors="replace"), flush=True)


if __name__ == "__main__":
    sys.exit(main())
