"""When the board pulls by itself: the schedule comes from the repository, the command never does.

The original scripts installed `scripts/crontab` as it was. We take the five time fields of its first entry and nothing
else: who may commit a schedule may not thereby run commands as root.
"""

from __future__ import annotations

import re

from edgedeploy.agent.layout import PROGRAM, TICK
from edgedeploy.core import errors
from edgedeploy.core.names import AppName, printable

DEFAULT = "*/11 * * * *"
JITTER_S = 20  # so that a room full of boards does not ask the same remote in the same second
_FIELD = r"(?:\*|[0-9a-z]{1,3}(?:-[0-9a-z]{1,3})?)(?:/[0-9]{1,2})?"
_LIST = rf"{_FIELD}(?:,{_FIELD})*"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES: tuple[dict[str, int], ...] = (
    {}, {}, {}, {name: n for n, name in enumerate(_MONTHS, 1)}, {name: n for n, name in enumerate(_DAYS)},
)  # fmt: skip
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NICK = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}


def parse(text: str) -> str:
    """The five time fields of the first entry of a crontab, DEFAULT when it has none, "" for `@never`.

    Raises errors.BadRepository for an entry that is no schedule.
    """
    for line in text.removeprefix("\ufeff").split("\n"):
        entry = line.strip()
        if not entry or entry.startswith("#") or re.match(r"[A-Za-z_]+\s*=", entry):
            continue
        word = entry.split()[0]
        if word == "@never":
            return ""
        if word in _NICK:
            return _NICK[word]
        fields = entry.split()[:5]
        if len(fields) < 5 or not all(re.fullmatch(_LIST, field, re.IGNORECASE) for field in fields):
            raise errors.BadRepository(
                f"scripts/crontab: {printable(entry, 80)!r} is not a cron schedule",
                hint="five fields such as `*/11 * * * *`, or @hourly, @daily, @weekly, @never",
            )
        _in_range(fields)
        return " ".join(fields)
    return DEFAULT


def _in_range(fields: list[str]) -> None:
    """cron ignores a whole file for one bad entry: then nothing would be pulled, not even the commit that mends it."""
    for field, (low, high), words in zip(fields, _RANGES, _NAMES, strict=True):
        if not all(_part_fits(part, low, high, words) for part in field.lower().split(",")):
            raise errors.BadRepository(
                f"scripts/crontab: {' '.join(fields)!r} is not a cron schedule ({field} is not within {low}-{high})",
                hint="minute 0-59, hour 0-23, day 1-31, month 1-12 or jan-dec, weekday 0-7 or sun-sat",
            )


def _part_fits(part: str, low: int, high: int, words: dict[str, int]) -> bool:
    span, _, step = part.partition("/")
    ends = [] if span == "*" else [words.get(end, int(end) if end.isdigit() else -1) for end in span.split("-")]
    return all(low <= end <= high for end in ends) and ends == sorted(ends) and (not step or 0 < int(step) <= high)


def cron_file(app: AppName, schedule: str) -> bytes:
    """/etc/cron.d/edgedeploy-<app>: always our command, at the repository's times."""
    head = f"# Written by edgedeploy from scripts/crontab of {app}; change it there.\n"
    if not schedule:
        return (head + "# This app is never pulled by itself (@never).\n").encode()
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    return f"{head}{path}{schedule} root {TICK} {app} {JITTER_S} >/dev/null 2>&1\n".encode()


BOOT_FILE = (
    "# Written by edgedeploy: the last good release is started at boot.\n"
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    f"@reboot root {PROGRAM} boot >/dev/null 2>&1\n"
).encode()
