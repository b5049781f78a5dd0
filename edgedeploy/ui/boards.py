"""Shows board profiles: a table of the kinds, or one in detail."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

import click

from edgedeploy.core.board import Profile

_SHORT = {"armv7l": "32-bit ARM", "aarch64": "64-bit ARM"}
_HEADINGS = ("BOARD", "CPU", "RAM", "RUNS")
_INDENT = 4


def table(profiles: Sequence[Profile]) -> None:
    """Print every kind with what it runs, or why it never will.

    In a pipe a kind is a line, however long. On a terminal what does not fit beside the columns has lines of its own.
    """
    cells = [_HEADINGS, *((profile.name, _cpu(profile), _ram(profile), _verdict(profile)) for profile in profiles)]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    width = _width()
    for number, row in enumerate(cells):
        head = "  ".join(cell.ljust(size) for cell, size in zip(row[:3], widths, strict=True))
        if width and len(head) + 2 + len(row[3]) > width:
            click.echo("\n".join([head.rstrip(), *_folded(row[3], width, _INDENT)]))
        else:
            click.echo(_bold(f"{head}  {row[3]}") if number == 0 else f"{head}  {row[3]}")


def detail(profile: Profile) -> None:
    """Print one kind, everything that is known of it and where that comes from."""
    console = profile.console
    rows = [
        ("board", f"{profile.name}: {profile.title}"),
        ("runs", profile.runs if profile.supported else f"never: {profile.reason}"),
        ("note", profile.note),
        ("CPU", f"{_cpu(profile)}, {profile.cpu.level.replace('arm', 'ARM')}"),
        ("RAM", f"{_ram(profile)}, counted with {profile.memory.total_mb}, of which dom0 {profile.memory.dom0_mb} MB"),
        ("guest RAM", f"from {profile.memory.guest_base:#x}"),
        ("virtual CPUs", f"at most {profile.max_vcpus} for a guest"),
        ("GIC", f"version {profile.gic}" if profile.gic else "none"),
        ("bridge", profile.bridge),
        ("passthrough", ", ".join(profile.passthrough)),
        ("console", f"{console.dom0} in dom0, {console.xen} for Xen, {console.baud} baud"),
        ("device tree", ", ".join(profile.compatible)),
        *(("" if number else "known from", source) for number, source in enumerate(profile.sources)),
    ]
    first, width = max(len(label) for label, _ in rows) + 2, _width()
    for label, value in rows:
        if value:
            lines = _folded(value, width, first) if width else [" " * first + value]
            click.echo(_bold(label.ljust(first)) + "\n".join(lines)[first:])


def _verdict(profile: Profile) -> str:
    if not profile.supported:
        return f"never: {profile.reason}"
    said = " and ".join(_SHORT[arch] for arch in profile.guests)
    return f"{said} ({profile.note})" if profile.note else said


def _folded(text: str, width: int, indent: int) -> list[str]:
    blank = " " * indent
    return textwrap.wrap(text, max(width, indent + 20), initial_indent=blank, subsequent_indent=blank)


def _width() -> int:
    """Of the terminal; 0 where there is none: a line is a record then."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _bold(text: str) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, bold=True)


def _cpu(profile: Profile) -> str:
    return f"{profile.cpu.count}x {'/'.join(core.removeprefix('Cortex-') for core in profile.cpu.cores)}"


def _ram(profile: Profile) -> str:
    versions = profile.memory.versions_mb
    return f"{versions[0]}-{versions[-1]} MB" if len(versions) > 1 else f"{versions[0]} MB"
