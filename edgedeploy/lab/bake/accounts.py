"""passwd, group and shadow files from base-passwd's masters and the recipe's extra accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_CHANGED = "19000"  # "password last changed", in days since 1970: any day that is not 0 ("change it at login")


@dataclass(frozen=True, slots=True)
class Accounts:
    """The four files."""

    passwd: str
    group: str
    shadow: str
    gshadow: str


def merge(passwd: str, group: str, *, more_passwd: str, more_group: str, passwords: str) -> Accounts:
    """Masters plus extras. `passwords` has lines of name:hash; everybody else is locked.

    Raises ValueError when two accounts or groups share a name or a number.
    """
    users = _records(passwd) + _records(more_passwd)
    groups = _records(group) + _records(more_group)
    for records in (users, groups):
        _unique([record[0] for record in records])
        _unique([record[2] for record in records])
    hashes = {record[0]: record[1] for record in _records(passwords)}
    unknown = hashes.keys() - {user[0] for user in users}
    if unknown:
        raise ValueError(f"a password for an account that is not there: {', '.join(sorted(unknown))}")
    return Accounts(
        _lines([user[0], "x", *user[2:]] for user in users),
        _lines([entry[0], "x", *entry[2:]] for entry in groups),
        _lines([user[0], hashes.get(user[0], "*"), _CHANGED, "0", "99999", "7", "", "", ""] for user in users),
        _lines([entry[0], "*", "", *entry[3:]] for entry in groups),
    )


def _records(text: str) -> list[list[str]]:
    stripped = (line.strip() for line in text.splitlines())
    return [line.split(":") for line in stripped if line and not line.startswith("#")]


def _lines(records: Iterable[list[str]]) -> str:
    return "".join(":".join(record) + "\n" for record in records)


def _unique(values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} is taken twice")
