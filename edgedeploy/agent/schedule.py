"""When the board pulls by itself: the schedule comes from the repository, the command never does.

The original scripts installed `scripts/crontab` as it was. We take the five time fields of its first entry and nothing
else: who may commit a schedule may not thereby run commands as root.
"""

from __future__ import annotations

import re

from edgedeploy.agent.layout import PROGRAM
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, printable

DEFAULT = "*/11 * * * *"
JITTER_S = 20  # so that a room full of boards does not ask the same remote in the same second
_FIELD = r"(?:\*|[0-9]{1,2}(?:-[0-9]{1,2})?)(?:/[0-9]{1,2})?"
_LIST = rf"{_FIELD}(?:,{_FIELD})*"
_WORDS = re.compile(r"(?i)\b(sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b")
_ENTRY = re.compile(rf"({_LIST})\s+({_LIST})\s+({_LIST})\s+({_LIST})\s+({_LIST})(?:\s+.*)?")
_NICK = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}


def parse(text: str) -> str:
    """The five time fields of the first entry of a crontab, DEFAULT when it has none, "" for `@never`.

    Raises errors.BadRepository for an entry that is no schedule.
    """
    for line in text.splitlines():
        entry = line.strip()
        if not entry or entry.startswith("#") or re.match(r"[A-Za-z_]+\s*=", entry):
            continue
        word = entry.split()[0]
        if word == "@never":
            return ""
        if word in _NICK:
            return _NICK[word]
        match = _ENTRY.fullmatch(_WORDS.sub("1", entry))
        if not match:
            raise errors.BadRepository(
                f"scripts/crontab: {printable(entry, 80)!r} is not a cron schedule",
                hint="five fields such as `*/11 * * * *`, or @hourly, @daily, @weekly, @never",
            )
        return " ".join(entry.split()[:5])
    return DEFAULT


def cron_file(app: AppName, schedule: str) -> bytes:
    """/etc/cron.d/edgedeploy-<app>: always our command, at the repository's times."""
    head = f"# Written by edgedeploy from scripts/crontab of {app}; change it there.\n"
    if not schedule:
        return (head + "# This app is never pulled by itself (@never).\n").encode()
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    return f"{head}{path}{schedule} root {PROGRAM} pull {app} --jitter {JITTER_S} >/dev/null 2>&1\n".encode()


BOOT_FILE = (
    "# Written by edgedeploy: the last good release is started at boot.\n"
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    f"@reboot root {PROGRAM} boot >/dev/null 2>&1\n"
).encode()
