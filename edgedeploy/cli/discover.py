"""`edgedeploy discover`: which boards are on the network."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from edgedeploy.cli import options
from edgedeploy.cli.options import Session
from edgedeploy.core import errors

if TYPE_CHECKING:
    from edgedeploy.discover.sighting import Sighting

SECONDS = 3.0
"""how long to look by default: an answer takes a fraction of one, a sleepy Wi-Fi a second question"""


@click.command()
@options.timeout
@options.interface
@options.as_json
@click.option("-f", "--follow", is_flag=True, help="Keep looking, and show changes, until interrupted.")
@options.pass_session
def discover(session: Session, timeout: float | None, interfaces: tuple[str, ...], as_json: bool, follow: bool) -> None:
    """Find boards on the network.

    Shows each as it appears: name, kind of board, address, what it serves, its agent. Asks on every network of
    this machine at once; --interface narrows that. Exits with 10 when none answered within 3 seconds.
    """
    if follow and as_json and timeout is None:
        raise errors.UsageFault("--json ends with one array, --follow does not end", hint="add --timeout 60")
    from edgedeploy.discover import mdns  # noqa: PLC0415 - a command pays for its own imports only
    from edgedeploy.ui.discover import Listing, as_data  # noqa: PLC0415

    seconds = timeout or (None if follow else SECONDS)
    refused: list[str] = []
    out = sys.stderr if as_json else sys.stdout
    with Listing(out, spin=session.verbosity >= 0, verbose=session.verbosity > 0) as listing:

        def seen(sighting: Sighting) -> None:
            if not as_json:
                listing.seen(sighting)

        def gone(sighting: Sighting) -> None:
            if follow and not as_json:
                listing.gone(sighting)

        def ignored(name: str, reason: str) -> None:
            refused.append(f"ignored {name}: {reason}")
            listing.ignored(name, reason)

        found = mdns.browse(
            seconds,
            interfaces or session.settings.interfaces,
            on_sighting=seen,
            on_gone=gone,
            on_ignored=ignored,
        )
    if as_json and found:  # an error is a JSON document of its own
        options.emit_json([as_data(sighting) for sighting in found])
    if not found:
        raise _nobody(seconds, refused)


def _nobody(seconds: float | None, refused: list[str]) -> errors.NoSuchBoard:
    return errors.NoSuchBoard(
        f"no board answered within {seconds:g} s" if seconds else "no board answered",
        hint="is it on, and on this network? Guest and conference Wi-Fi often block this: connect by "
        "cable, or give its address: --host 192.168.1.7",
        details=tuple(refused[:10]),
    )
