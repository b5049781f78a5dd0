"""Reads JSON-like data from outside field by field: exact types, bounds, unknown keys named. No coercion, no defaults by luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from edgedeploy.core import errors
from edgedeploy.core.names import printable

T = TypeVar("T")
_REQUIRED = object()


def toml(raw: str | bytes, where: str) -> dict[str, Any]:
    """A TOML document's tables. Raises errors.BadConfig, which names `where`, for whatever is none."""
    import tomllib  # noqa: PLC0415 - a tenth of the agent's start, for what `agent.config` mostly reads without it

    text = raw if isinstance(raw, str) else _text(raw, where)
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        problem = "its lists are nested too deeply"
    except tomllib.TOMLDecodeError as error:
        problem = f"{error}{_line(text, str(error))}"
    except ValueError:  # int()'s own, which tomllib lets through
        problem = "a number in it is too long"
    else:
        if not text.isascii() and (foreign := _foreign(tables)):
            at = text.find(foreign)
            line = f" in line {text.count(chr(10), 0, at) + 1}" if at >= 0 else ""
            raise errors.BadConfig(f"{where}: what is written{line} is not UTF-8", hint=f"save {where} as UTF-8")
        return tables
    hint = 'a value is a number, true, false, a list in brackets, or text in quotes: app = "decks" (all of it: https://toml.io)'
    raise errors.BadConfig(f"{where} is not TOML: {problem}", hint=hint)


def _line(text: str, problem: str) -> str:
    """The line that a parser's error is about, where it says which."""
    number = problem.partition("(at line ")[2].partition(",")[0]
    lines = text.split("\n")
    said = printable(lines[int(number) - 1].strip(), 80) if number.isdigit() and int(number) <= len(lines) else ""
    return f": {said}" if said else ""


def _text(raw: bytes, where: str) -> str:
    """With a byte order mark, or comments in another encoding than UTF-8, it is TOML all the same to a person."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise errors.BadConfig(f"{where} is UTF-16, and TOML is UTF-8", hint=f"save {where} as UTF-8")
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _foreign(tables: object) -> str:
    """The first text in it that was no UTF-8, "" when there is none."""
    left = [tables]
    while left:
        value = left.pop(0)
        if isinstance(value, str):
            if any("\udc80" <= letter <= "\udcff" for letter in value):
                return value
        elif isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
    return ""


class Reader:
    """One table of a document. `where` names it in errors ("manifest.json: domain"); `fault` is the error class raised."""

    def __init__(self, data: object, where: str, fault: type[errors.EdgeError] = errors.BadRepository) -> None:
        self.where = where
        self.fault = fault
        self._seen: set[str] = set()
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise fault(f"{where}: expected a table, found {type(data).__name__}")
        self._data: Mapping[str, Any] = data

    def fail(self, key: str, problem: str) -> errors.EdgeError:
        """The error for a bad field."""
        return self.fault(f"{self.where}: {key}: {problem}")

    def _raw(self, key: str, default: object) -> Any:
        self._seen.add(key)
        if key in self._data:
            return self._data[key]
        if default is _REQUIRED:
            raise self.fail(key, "is missing")
        return default

    def text(self, key: str, default: Any = _REQUIRED, *, limit: int = 4096) -> str:
        """A string of at most `limit` characters."""
        value = self._raw(key, default)
        if not isinstance(value, str) or len(value) > limit:
            raise self.fail(key, f"must be text of at most {limit} characters")
        return value

    def whole(self, key: str, default: Any = _REQUIRED, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number within bounds (inclusive); booleans are not numbers."""
        value = self._raw(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(key, f"must be a whole number from {low} to {high}")
        return value

    def name(self, key: str, parse: Callable[[object], T], default: Any = _REQUIRED) -> T:
        """A value that must pass `parse` (a Name's gate)."""
        value = self._raw(key, default)
        if value is default and key not in self._data:
            return value  # type: ignore[no-any-return]  # the caller's own default is of the caller's type
        try:
            return parse(value)
        except errors.UsageFault as error:
            raise self.fault(f"{self.where}: {key}: {error.message}", hint=error.hint) from None

    def names(self, key: str, parse: Callable[[object], T], *, limit: int = 100) -> list[T]:
        """A list of values that must all pass `parse`."""
        try:
            return [parse(value) for value in self.rows(key, [], limit=limit)]
        except errors.UsageFault as error:
            raise self.fault(f"{self.where}: {key}: {error.message}", hint=error.hint) from None

    def choice(self, key: str, allowed: tuple[str, ...], default: Any = _REQUIRED) -> str:
        """One of a closed set of words."""
        value = self._raw(key, default)
        if value not in allowed:
            raise self.fail(key, f"must be one of {', '.join(allowed)}")
        return str(value)

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        """True or false."""
        value = self._raw(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, "must be true or false")
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there at all."""
        return key in self._data

    def raw(self, key: str) -> Any:
        """The unchecked value, None where the key is missing."""
        return self._raw(key, None)

    def table(self, key: str, default: Any = _REQUIRED) -> Reader:
        """A nested table."""
        return Reader(self._raw(key, default), f"{self.where}: {key}", self.fault)

    def rows(self, key: str, default: Any = _REQUIRED, *, limit: int = 1000) -> list[Any]:
        """A list of at most `limit` values, unchecked."""
        value = self._raw(key, default)
        if not isinstance(value, list | tuple) or len(value) > limit:
            raise self.fail(key, f"must be a list of at most {limit} entries")
        return list(value)

    def items(self, key: str, default: Any = _REQUIRED, *, limit: int = 1000) -> list[tuple[str, Any]]:
        """Key-value pairs of a nested table, keys unchecked."""
        inner = self.table(key, default)
        if len(inner._data) > limit:
            raise self.fail(key, f"has more than {limit} entries")
        return list(inner._data.items())

    def done(self) -> None:
        """Raise when the table has keys that nobody asked for."""
        unknown = sorted(set(self._data) - self._seen)
        if unknown:
            from difflib import get_close_matches  # noqa: PLC0415 - only for what is wrong

            named = f"unknown key{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown[:10]))}"
            meant = {close for key in unknown[:10] for close in get_close_matches(key, self._seen, 1)}
            hint = f"did you mean {' and '.join(sorted(meant))}? " if meant else ""
            raise self.fault(f"{self.where}: {named}", hint=f"{hint}known keys: {', '.join(sorted(self._seen))}")
