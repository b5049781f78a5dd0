"""What the agent uses of the standard library's `dataclasses`, for a small core: on the board it stands in for them.

`dataclasses` writes and compiles the source of five methods for each class, at every start, and imports `inspect` for it:
2.6 of the 5.1 s that the agent needed to its first word on the virtual board. Here all classes share the same few
closures. remote/strip.py puts this module in the place of `dataclasses` in what is shipped; the sources, the laptop and the
type checker know only the original, and a test holds the two against each other.

Known are `@dataclass` with frozen, slots and kw_only (fields are slots, asked or not), `field(default_factory=…)`, `fields`,
`replace` and `asdict` of values that hold no other container than dict, list and tuple. Annotations must be text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_NONE = object()


class Field:
    """One field: its name, its annotation's text as `type`, and its default (_NONE, a value or a _Factory)."""

    __slots__ = ("default", "name", "type")

    def __init__(self, name: str, type: str, default: object) -> None:  # noqa: A002 - as dataclasses.Field has it
        self.name = name
        self.type = type
        self.default = default


class _Factory:
    __slots__ = ("make",)

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A default that is made anew for each instance."""
    return _Factory(default_factory)


def dataclass(
    cls: type | None = None,
    /,
    *,
    frozen: bool = False,
    slots: bool = True,  # noqa: ARG001 - they always are
    kw_only: bool = False,
) -> Any:
    """Make a class of its annotated names."""
    if cls is None:
        return lambda cls: _made(cls, frozen, kw_only)
    return _made(cls, frozen, kw_only)


def fields(of: Any) -> tuple[Field, ...]:
    """The fields of a class or an instance."""
    return of._light  # type: ignore[no-any-return]  # set by `_made`


def replace(of: Any, /, **changes: object) -> Any:
    """The same value, but for `changes`."""
    for item in of._light:
        changes.setdefault(item.name, getattr(of, item.name))
    return type(of)(**changes)


def asdict(of: Any) -> dict[str, Any]:
    """Name -> value, values of our own kind as dictionaries too."""
    return {item.name: _plain(getattr(of, item.name)) for item in of._light}


def _plain(value: Any) -> Any:
    if hasattr(value, "_light"):
        return asdict(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value


def _slotted(cls: type, kw_only: bool) -> dict[str, Any]:
    """The body of the class anew, with its fields as slots."""
    body = dict(vars(cls))
    own = [
        Field(name, kind, body.pop(name, _NONE))
        for name, kind in body.get("__annotations__", {}).items()
        if not kind.startswith("ClassVar")
    ]
    every = (*getattr(cls.__base__, "_light", ()), *own)
    body.pop("__dict__", None)
    body.pop("__weakref__", None)
    body["__slots__"] = tuple(item.name for item in own)
    body["_light"] = every
    body["__match_args__"] = () if kw_only else tuple(item.name for item in every)
    return body


def _made(cls: type, frozen: bool, kw_only: bool) -> type:
    body = _slotted(cls, kw_only)
    every = body["_light"]
    puts: list[tuple[Field, Callable[[Any, object], None]]] = []
    allowed = 0 if kw_only else len(every)

    def init(self: Any, *args: object, **named: Any) -> None:
        if len(args) > allowed:
            raise TypeError(f"{cls.__name__} takes {allowed} values, {len(args)} were given")
        for (_, put), value in zip(puts, args):  # noqa: B905 - fewer are meant
            put(self, value)
        for item, put in puts[len(args) :]:
            value = named.pop(item.name, item.default)
            if value is _NONE:
                raise TypeError(f"{cls.__name__}: {item.name} is missing")
            put(self, value.make() if value.__class__ is _Factory else value)
        if named:
            raise TypeError(f"{cls.__name__} has no {', '.join(named)}, or was given it twice")

    def values(self: Any) -> tuple[object, ...]:
        return tuple([getattr(self, item.name) for item in every])

    def equal(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def shown(self: Any) -> str:
        return f"{cls.__qualname__}({', '.join(f'{item.name}={getattr(self, item.name)!r}' for item in every)})"

    def never(_: Any, name: str, *__: object) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    body |= {"__init__": init, "__eq__": equal, "__repr__": shown, "__hash__": None}
    if frozen:
        body |= {"__hash__": lambda self: hash(values(self)), "__setattr__": never, "__delattr__": never}
    made = type(cls)(cls.__name__, cls.__bases__, body)
    puts += [(item, getattr(made, item.name).__set__) for item in every]
    return made
