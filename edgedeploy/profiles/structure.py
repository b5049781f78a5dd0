"""Turns one profile's TOML into a Profile, or names everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edgedeploy.core import errors, names
from edgedeploy.core.board import Profile
from edgedeploy.core.strict import toml

_LIMIT = 64 * 1024


def _structure(kind: Any, value: Any, where: str, faults: list[str]) -> Any:
    """`value` as the type `kind`. What is wrong is added to `faults`, with its key; the result then means nothing."""
    problem = ""
    if is_dataclass(kind):
        if isinstance(value, Mapping):
            return _table(kind, value, where, faults)
        problem = "a table"
    elif get_origin(kind) is tuple:
        if isinstance(value, list):
            inner = get_args(kind)[0]
            return tuple(_structure(inner, one, f"{where}[{index}]", faults) for index, one in enumerate(value))
        problem = "a list"
    elif get_origin(kind) is Literal:
        if value not in get_args(kind):
            problem = f"one of {', '.join(map(repr, get_args(kind)))}"
    elif kind is str:
        problem = "" if isinstance(value, str) else "text"
    elif kind is bool:
        problem = "" if isinstance(value, bool) else "true or false"
    # bool is an int to Python, and int("16") is 16: neither is what a person meant
    elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**40:
        problem = "a whole number"
    if problem:
        faults.append(f"{where}: must be {problem}, not {names.shown(value)}")
    return value


def _table(kind: Any, table: Mapping[str, Any], where: str, faults: list[str]) -> Any:
    kinds, found = get_type_hints(kind), {}
    for item in fields(kind):
        key = f"{where}.{item.name}" if where else item.name
        if item.name in table:
            found[item.name] = _structure(kinds[item.name], table[item.name], key, faults)
        elif item.default is MISSING:
            faults.append(f"{key}: is missing")
    for name in sorted(set(table) - set(kinds)):
        faults.append(f"{where}: {_unknown(name, kind)}" if where else _unknown(name, kind))
    return None if faults else kind(**found)


def parse(raw: bytes, name: names.ProfileName, where: Path) -> Profile:
    """A profile from a TOML file's bytes. Raises BadConfig with one line of details for each fault."""
    try:
        table = toml(raw[: _LIMIT + 1], str(where))
    except errors.BadConfig as error:
        raise errors.BadConfig(error.message, hint=f"correct {where}") from None
    faults = [] if len(raw) <= _LIMIT else [f"the file is longer than {_LIMIT >> 10} KB"]
    if "name" in table:
        faults.append("name: unknown key (a profile's name is its file's)")
    faults += _contradictions(table)
    profile: Profile | None = _structure(Profile, {**table, "name": name}, "", faults)
    if faults or profile is None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        hint = f"correct {where}; a profile to compare with: `edgedeploy boards cubieboard2 --json`"
        raise errors.BadConfig(f"{where}: {count}", hint=hint, details=tuple(faults))
    return profile


def _unknown(key: str, kind: Any) -> str:
    known = [item.name for item in fields(kind) if item.name != "name"]
    close = get_close_matches(key, known, 1)
    return f"unknown key {key!r}" + (f" (did you mean {close[0]!r}?)" if close else "")


def _contradictions(table: Mapping[str, Any]) -> Iterator[str]:
    """What no single field's type can say. Looks at the raw table, so that it reports beside type faults."""
    cpu, memory = (table[key] if isinstance(table.get(key), dict) else {} for key in ("cpu", "memory"))
    if table.get("gic") not in (0, 2, 3, None):
        yield "gic: must be 2 or 3 (0: none)"
    if table.get("supported") is False and not table.get("reason"):
        yield "reason: is missing (a board that is not supported says why)"
    if table.get("supported") is not True:
        return
    if table.get("reason"):
        yield "reason: is for boards that are not supported; use note"
    if table.get("guests") == []:
        yield "guests: a supported board runs at least one kind"
    if table.get("gic") == 0:
        yield "gic: a supported board has one (2 or 3)"
    if cpu.get("virtualization") is False:
        yield "cpu.virtualization: Xen cannot run without it"
    for where, key, found in (
        ("", "max_vcpus", table),
        ("cpu.", "count", cpu),
        ("memory.", "total_mb", memory),
    ):
        if found.get(key) == 0:
            yield f"{where}{key}: must be at least 1"
    total, dom0, versions = memory.get("total_mb"), memory.get("dom0_mb"), memory.get("versions_mb")
    if isinstance(total, int) and isinstance(dom0, int) and total <= dom0:
        yield "memory.dom0_mb: leaves nothing of total_mb for guests"
    if isinstance(versions, list) and total not in versions:
        yield "memory.versions_mb: total_mb is not among them"
