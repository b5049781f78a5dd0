"""The `edgedeploy` command: where the program begins and ends. Imports no more than the answer needs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from edgedeploy.cli import words


def run(argv: Sequence[str], *, signals: bool = False) -> int:
    """Run one command line and return its exit code; `signals`: those that end this process end it as Ctrl-C does."""
    if _answered(argv):
        return 0
    from edgedeploy.cli import program  # noqa: PLC0415 - click takes four times as long as Python's start

    if signals:
        program.heed_signals()
    return program.run(argv)


def main() -> None:
    """Console entry point. Never returns."""
    for stream in (sys.stdout, sys.stderr):
        # a name that the terminal's encoding lacks is shown as \\xNN, as `printable` does: it is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if instruction := os.environ.get(words.COMPLETE):
        from edgedeploy.cli import program  # noqa: PLC0415 - as above

        sys.exit(program.complete(instruction))
    sys.exit(run(sys.argv[1:], signals=True))


def _answered(argv: Sequence[str]) -> bool:
    if len(argv) != 1 or sys.stdout is None:
        return False
    from edgedeploy.cli import quick  # noqa: PLC0415 - a command needs no page

    text = quick.answer(argv)
    if text is None:
        return False
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        return False  # click meets the same, and its way says so as for any command
    return True


if __name__ == "__main__":
    main()
