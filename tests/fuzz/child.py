"""The process that fuzzes one target: `python -m tests.fuzz.child MODULE TARGET [libFuzzer's options] CORPUS`."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from random import Random

from tests.fuzz.target import Shape, Target, timed

MODULES = ("tests.fuzz.artefacts", "tests.fuzz.documents", "tests.fuzz.wire")
# what is worth following branch by branch; tomllib because a parser's states are its grammar
FOLLOWED = ["edgedeploy.core", "edgedeploy.artefact", "edgedeploy.profiles", "edgedeploy.agent.config",
            "edgedeploy.cli.settings", "tomllib", "tests.fuzz.planted"]  # fmt: skip


def targets(*modules: str) -> dict[str, Target]:
    """The targets of those modules (default: all of them) by name."""
    found = [target for module in modules or MODULES for target in importlib.import_module(module).TARGETS]
    return {target.name: target for target in found}


def tame() -> None:
    """A bound for payloads that lets thousands of inputs through in a second; 128 MB each would not."""
    from edgedeploy.core import packing

    packing.LIMIT = 4 << 20


def main() -> None:
    """Under atheris's import hook only the target's own module is loaded: instrumenting takes a while."""
    import atheris

    module, name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=FOLLOWED):
        target = targets(module)[name]
    tame()
    # looked up at each call: Mutate works only once Fuzz has loaded libFuzzer
    mutate = lambda data, size: atheris.Mutate(data, size)  # noqa: E731
    how = {"custom_mutator": _mutator(target.shape, mutate)} if target.shape else {}
    atheris.Setup([f"fuzz-{name}", *options], timed(target.run), **how)
    atheris.Fuzz()


def _mutator(shape: Shape, mutate: Callable[[bytes, int], bytes]) -> Callable[[bytes, int, int], bytes]:
    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        mutated = bytearray(mutate(bytes(data), max_size))
        with contextlib.suppress(IndexError, ValueError):  # too short for a structure: as the mutator left it
            return shape(bytearray(mutated), Random(seed))[:max_size]
        return bytes(mutated)

    return mutator


if __name__ == "__main__":
    main()
