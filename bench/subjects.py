"""What the bench of `edgedeploy check` checks: Debian's kernels, the slowest real file, refusals, bombs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.command import run
from edgedeploy.core import errors, packing
from edgedeploy.core.packing import Codec
from tests.corpus import packages

MISFIT = errors.DoesNotFit.exit_code
_BOMB_PART = 64 << 20
_BOMB = 2 << 30


@dataclass(frozen=True, slots=True)
class Subject:
    """A command, how it should end, and the most it may take: seconds, megabytes."""

    title: str
    argv: tuple[str, ...]
    status: int = 0
    seconds: float | None = None
    megabytes: int | None = None


REFERENCE = Subject("`python -c pass`", (sys.executable, "-c", "pass"))


def environment(folder: Path) -> Mapping[str, str]:
    """This one's, with compiled modules kept as an installed program keeps them, and without the user's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EDGEDEPLOY_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "XDG_CONFIG_HOME": str(folder / "config")}


def prepare(folder: Path) -> list[Subject]:
    """Fetch and make the files, find the slowest. Raises errors.UsageFault where the program is not installed."""
    program = Path(sys.executable).with_name("edgedeploy")
    if not program.exists():
        raise errors.UsageFault(f"there is no {program}", hint="make bench installs it")

    def check(
        title: str, file: Path, board: str, status: int, seconds: float | None, megabytes: int | None = None
    ) -> Subject:
        argv = (str(program), "check", str(file), "--board", board)
        return Subject(title, argv, status, seconds, megabytes)

    real = packages.files()
    slow = _slowest(folder, program, real.values())
    packed = _slowest(folder, program, _packed(folder, real))
    return [
        REFERENCE,
        Subject("`edgedeploy --version`", (str(program), "--version")),
        check(f"armmp zImage, {_size(real['armmp'])}", real["armmp"], "cubieboard2", 0, 0.6),
        check(f"arm64 Image, {_size(real['cloud-arm64'])}", real["cloud-arm64"], "rpi4", 0, 1.0),
        check(f"the slowest real file: {slow.name}, {_size(slow)}", slow, "rpi4", 0, 1.0),
        check(f"the slowest of those packed by hand: {packed.name}, {_size(packed)}", packed, "rpi4", 0, None),
        check(f"x86 kernel, refused, {_size(real['cloud-amd64'])}", real["cloud-amd64"], "rpi4", MISFIT, 1.0),
        *(
            check(f"bomb of 2 GB, {file.name}, {_size(file)}", file, "rpi4", MISFIT, 1.0, 150)
            for file in _bombs(folder)
        ),
    ]


def _slowest(folder: Path, program: Path, files: Iterable[Path]) -> Path:
    costs = {
        file: run([str(program), "check", str(file), "--board", "rpi4"], environment(folder)).cpu for file in files
    }
    return max(costs, key=lambda file: costs[file])


def _packed(folder: Path, real: Mapping[str, Path]) -> Iterator[Path]:
    """Kernels packed as releases of today and of 2014 are."""
    for name, codec in (("cloud-arm64", Codec.XZ), ("armmp", Codec.BZ2), ("cloud-arm64", Codec.BZ2)):
        file = folder / f"{name}{codec.suffix}"
        file.write_bytes(packing.pack(real[name], codec))
        yield file


def _bombs(folder: Path) -> list[Path]:
    """Zeros without end: packed parts one after another are one packed file."""
    files = []
    for codec in (Codec.GZ, Codec.BZ2, Codec.XZ, Codec.LZMA, Codec.ZST):
        try:
            part = packing.pack(bytes(_BOMB_PART), codec)
        except packing.PackingError:
            continue  # zstd is not in every Python
        files.append(folder / f"zeros{codec.suffix}")
        files[-1].write_bytes(part * (_BOMB // _BOMB_PART))
    sparse = folder / "zeros"
    with sparse.open("wb") as file:
        file.truncate(_BOMB)
    return [*files, sparse]


def _size(file: Path) -> str:
    count = file.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
