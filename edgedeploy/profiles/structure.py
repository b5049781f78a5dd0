"""Turns one profile's TOML into a Profile, or names everything that is wrong with it at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import cattrs
from cattrs import transform_error
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError

from edgedeploy.core import errors, names
from edgedeploy.core.board import Arch, Console, Cpu, Memory, Profile

_LIMIT = 64 * 1024


class _ValueFaultError(ValueError):
    """A value of the wrong type or out of a closed set; its text goes into the report as it is."""


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _ValueFaultError(f"must be text, not {value!r}")
    return value


def _whole(value: object, _: object) -> int:
    # bool is an int to Python, and int("16") is 16: neither is what a person meant
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**40:
        raise _ValueFaultError(f"must be a whole number, not {value!r}")
    return value


def _flag(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise _ValueFaultError(f"must be true or false, not {value!r}")
    return value


def _is_choice(kind: Any) -> bool:
    origin: object = get_origin(kind)
    return origin is Literal


def _one_of(value: object, kind: Any) -> object:
    if value not in get_args(kind):
        raise _ValueFaultError(f"must be one of {', '.join(map(repr, get_args(kind)))}, not {value!r}")
    return value


def _list(value: object, kind: Any) -> object:
    if not isinstance(value, list):  # a tuple of one text's letters is what cattrs would make of a text
        raise _ValueFaultError(f"must be a list, not {value!r}")
    return _LISTS[kind](value, kind)


def _table(value: object, kind: Any) -> object:
    if not isinstance(value, Mapping):
        raise _ValueFaultError(f"must be a table, not {value!r}")
    return _TABLES[kind](value, kind)


_CONVERTER = cattrs.Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook(str, _text)
_CONVERTER.register_structure_hook(int, _whole)
_CONVERTER.register_structure_hook(bool, _flag)
_CONVERTER.register_structure_hook_func(_is_choice, _one_of)
# cattrs' own hooks for lists and tables, taken before ours go in front of them
_LISTS = {kind: _CONVERTER.get_structure_hook(kind) for kind in (tuple[str, ...], tuple[int, ...], tuple[Arch, ...])}
_CONVERTER.register_structure_hook_func(lambda kind: kind in _LISTS, _list)
_TABLES = {kind: _CONVERTER.get_structure_hook(kind) for kind in (Cpu, Memory, Console)}
for _kind in _TABLES:
    _CONVERTER.register_structure_hook(_kind, _table)


def parse(raw: bytes, name: names.ProfileName, where: Path) -> Profile:
    """A profile from a TOML file's bytes. Raises BadConfig with one line of details for each fault."""
    try:
        table = tomllib.loads(raw[: _LIMIT + 1].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.BadConfig(f"{where} is not TOML: {error}", hint=f"correct {where}") from None
    faults = [] if len(raw) <= _LIMIT else [f"the file is longer than {_LIMIT >> 10} KB"]
    if "name" in table:
        faults.append("name: unknown key (a profile's name is its file's)")
    faults += _contradictions(table)
    profile = None
    try:
        profile = _CONVERTER.structure({**table, "name": name}, Profile)
    except ClassValidationError as error:
        faults += _lines(error)
    if faults or profile is None:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        hint = f"correct {where}; a profile to compare with: `edgedeploy boards cubieboard2 --json`"
        raise errors.BadConfig(f"{where}: {count}", hint=hint, details=tuple(faults))
    return profile


def _lines(error: ClassValidationError) -> list[str]:
    lines = []
    for said in transform_error(error, path="", format_exception=_describe):
        text, _, path = said.rpartition(" @ ")
        lines.append(f"{path.lstrip('.')}: {text}" if path else text)
    return lines


def _describe(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return "is missing"
    if isinstance(error, ForbiddenExtraKeysError):
        return "; ".join(_unknown(key, error.cl) for key in sorted(error.extra_fields))
    return str(error)


def _unknown(key: str, kind: type | None) -> str:
    known = [item.name for item in fields(kind) if item.name != "name"] if is_dataclass(kind) else []
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
