"""Runs atheris on one target in a process of its own, and reads what libFuzzer says."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.target import Target

ROOT = Path(__file__).parents[2]
GROWN = ROOT / ".fuzz"
"""Outlives a run, not in git: the inputs that `make fuzz` goes on with."""
KEPT = Path(__file__).parent / "corpus"
"""In git, a folder a target: every input that ever broke something, and pick.py's. Replayed by each `make test`."""
SLOWEST_S = 10
MEMORY_MB = 400
"""An LZMA dictionary may take 96 MB; nothing else is large."""
_COVERAGE = re.compile(r"^#\d+\s+(\w+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
_NOISE = re.compile(r"#\d|INFO: |WARNING: Failed to find|0x|MS: |\\\d|stat::|Base64: ")
_UNITS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s+(\d+)")
_ARTIFACT = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Run:
    """What one target's run amounted to. `cov` and `features` are (of the seeds, at the end), as libFuzzer counts."""

    target: str
    status: int
    executions: int
    cov: tuple[int, int]
    features: tuple[int, int]
    peak_mb: int
    said: str
    crash: Path | None

    def line(self) -> str:
        """One row of a report."""
        verdict = "ok" if self.status == 0 else f"FAILED ({self.crash.name if self.crash else self.status})"
        cov = f"cov {self.cov[0]:>5} -> {self.cov[1]:<5} features {self.features[0]:>5} -> {self.features[1]:<6}"
        return f"{self.target:<14} {self.executions:>9} runs  {cov} {self.peak_mb:>4} MB  {verdict}"

    def failure(self) -> str:
        """Everything a person needs: what was said, the input itself, and how to run it again."""
        told = [line for line in self.said.splitlines() if not _NOISE.match(line)]
        lines = [self.line(), "", *(line[:300] for line in told[-60:])]
        if self.crash:
            raw = self.crash.read_bytes()
            shown = raw if len(raw) <= 2000 else raw[:2000]
            lines += [
                f"input ({len(raw)} bytes, base64): {base64.b64encode(shown).decode()}{'…' if len(raw) > 2000 else ''}"
            ]
            lines += [f"again: {Path(sys.executable).name} -m tests.fuzz {self.target} {self.crash}"]
        return "\n".join(lines)


def kept(target: Target, folder: Path = KEPT) -> dict[str, bytes]:
    """By file name: what once broke the target, and what reaches far."""
    return {path.name: path.read_bytes() for path in sorted((folder / target.name).glob("*"))}


def fuzz(target: Target, seconds: int, *, seed: int = 1, keep: bool = False, found: Path = KEPT) -> Run:
    """Fuzz for `seconds`, from the seeds and what was found before; with `keep` also from, and into, the grown inputs.

    An input that breaks it is put into `found`.
    """
    scratch = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="edgedeploy-fuzz-", dir=scratch) as name:
        folder = Path(name)
        corpora = [_folder(folder / "new")]
        if keep:
            corpora = [_folder(GROWN / "corpus" / target.name)]
        corpora.append(_seeds(target, _folder(folder / "seeds")))
        words = folder / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        argv = [
            sys.executable, "-m", "tests.fuzz.child", target.run.__module__, target.name, f"-max_total_time={seconds}", f"-seed={seed}",
            f"-max_len={target.max_len}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1",
            f"-artifact_prefix={_folder(folder / 'crashes')}/", *([f"-dict={words}"] if target.words else []), *map(str, corpora),
        ]  # fmt: skip
        env = {**os.environ, "TMPDIR": str(_folder(folder / "tmp")), "PYTHONDONTWRITEBYTECODE": "1"}
        env["PYTHONHASHSEED"] = "0"  # one seed, one sequence of inputs
        ran = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=False, timeout=seconds + 120)
        return _report(target, ran.returncode, (ran.stdout + ran.stderr).decode(errors="replace"), found)


def _report(target: Target, status: int, said: str, found: Path) -> Run:
    rows = _COVERAGE.findall(said)
    first = next((row for row in rows if row[0] == "INITED"), ("", 0, 0, 0))
    last = rows[-1] if rows else first
    units, peak = _UNITS.search(said), _PEAK.search(said)
    crash = None
    if status and (written := _ARTIFACT.search(said)):
        crash = _folder(found / target.name) / Path(written[1]).name
        shutil.copyfile(written[1], crash)
    cov, features = (int(first[1]), int(last[1])), (int(first[2]), int(last[2]))
    return Run(
        target.name, status, int(units[1]) if units else 0, cov, features, int(peak[1]) if peak else 0, said, crash
    )


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _seeds(target: Target, folder: Path) -> Path:
    for number, seed in enumerate([*target.seeds(), *kept(target).values()]):
        (folder / f"seed-{number:03}").write_bytes(seed[: target.max_len])
    return folder


def _escaped(word: bytes) -> str:
    return "".join(chr(byte) if byte < 128 and chr(byte).isalnum() else f"\\x{byte:02x}" for byte in word)
