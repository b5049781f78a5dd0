"""Which listener of ports.report.Report suits: plain lines in a log, nearly nothing, or live bars.

All of them write to stderr, because stdout belongs to the command's result, and none of them ever raises into
the use case: a terminal that went away must not stop a deployment.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from edgedeploy.ports.report import Report
from edgedeploy.ui.plain_report import PlainReport, QuietReport


def for_terminal(verbosity: int = 0, stream: TextIO | None = None) -> Report:
    """The listener that suits `stream` (stderr) and the -v/-q count."""
    stream = stream or sys.stderr
    if verbosity < 0:
        return QuietReport(stream, warnings=verbosity == -1)
    live = stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM", "dumb") != "dumb"
    if not live:
        return PlainReport(stream, verbosity)
    from edgedeploy.ui.rich_report import RichReport  # noqa: PLC0415 - only a terminal pays for rich's import

    return RichReport(stream)
