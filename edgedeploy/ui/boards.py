"""Shows board profiles: a table of the kinds, or one in detail."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgedeploy.core.board import Profile

_SHORT = {"armv7l": "32-bit ARM", "aarch64": "64-bit ARM"}
_PIPE_WIDTH = 240


def table(profiles: Sequence[Profile], console: Console | None = None) -> None:
    """Print every kind with what it runs, or why it never will."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("BOARD", "CPU", "RAM", "RUNS"):
        rows.add_column(heading, no_wrap=heading != "RUNS", overflow="fold")
    for profile in profiles:
        verdict = f"never: {profile.reason}"
        if profile.supported:
            verdict = " and ".join(_SHORT[arch] for arch in profile.guests)
            verdict += f" ({profile.note})" if profile.note else ""
        style = "" if profile.supported else "dim"
        rows.add_row(profile.name, _cpu(profile), _ram(profile), Text(verdict), style=style)
    (console or _stdout()).print(rows)


def detail(profile: Profile, console: Console | None = None) -> None:
    """Print one kind, everything that is known of it and where that comes from."""
    rows = Table(box=None, pad_edge=False, show_header=False)
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    never = f"never: {profile.reason}"
    for label, value in (
        ("board", f"{profile.name}: {profile.title}"),
        ("runs", profile.runs if profile.supported else never),
        ("note", profile.note),
        ("CPU", f"{_cpu(profile)}, {profile.cpu.level.replace('arm', 'ARM')}"),
        (
            "RAM",
            f"{_ram(profile)}, counted with {profile.memory.total_mb}, of which dom0 {profile.memory.dom0_mb} MB",
        ),
        ("guest RAM", f"from {profile.memory.guest_base:#x}"),
        ("virtual CPUs", f"at most {profile.max_vcpus} for a guest"),
        ("GIC", f"version {profile.gic}" if profile.gic else "none"),
        ("bridge", profile.bridge),
        ("passthrough", ", ".join(profile.passthrough)),
        (
            "console",
            f"{profile.console.dom0} in dom0, {profile.console.xen} for Xen, {profile.console.baud} baud",
        ),
        ("device tree", ", ".join(profile.compatible)),
    ):
        if value:
            rows.add_row(label, Text(value))
    for number, source in enumerate(profile.sources):
        rows.add_row("" if number else "known from", Text(source))
    (console or _stdout()).print(rows)


def _stdout() -> Console:
    console = Console()
    # in a pipe a line is a record: nothing to fold it for
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def _cpu(profile: Profile) -> str:
    return f"{profile.cpu.count}x {'/'.join(core.removeprefix('Cortex-') for core in profile.cpu.cores)}"


def _ram(profile: Profile) -> str:
    versions = profile.memory.versions_mb
    return f"{versions[0]}-{versions[-1]} MB" if len(versions) > 1 else f"{versions[0]} MB"
