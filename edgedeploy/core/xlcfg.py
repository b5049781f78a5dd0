"""Reads the text of an `xl` domain configuration: names and literal values. It is never executed.

The grammar is xl's own (tools/libs/util/libxlu_cfg_l.l and libxlu_cfg_y.y): `name = value` or `name += value`, ended by
a newline or `;`; a value is a number, a quoted text, or a list of them in brackets, which may run over lines; `#` begins
a comment. What the names mean is said in core/xloptions.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgedeploy.core import errors, names

Value = str | list[str]
"""xl keeps numbers as text too: memory = '256' and memory = 256 are the same."""
_LIMIT = 64 * 1024
_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\f\v]+|\#[^\n]*)|(?P<end>[\n;])|(?P<name>[a-z][_0-9a-z]*)|(?P<number>[0-9][0-9a-fA-Fx]*)"""
    r"""|(?P<text>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')|(?P<mark>\+=|[=,\[\]])|(?P<bad>[^\n])"""
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class _SyntaxError(Exception):
    """The statement is none."""


def filled(template: str, vm: names.DomainName) -> str:
    """A template with its marks replaced, as the original scripts' sed did it: anywhere, quoted or not.

    They gave no disk. @KERNEL@ stays: where the kernel lies is the board's own affair.
    """
    return re.sub("@(?:NAME|VM)@", vm, template).replace("@DISK@", "")


def read_template(text: str, where: str = "xl.conf.in") -> dict[str, Value]:
    """The values of a domain configuration; of a name that is given twice the last, as xl takes it.

    Raises errors.BadRepository that names every line which is no such assignment.
    """
    if len(text) > _LIMIT:
        raise errors.BadRepository(f"{where} is longer than {_LIMIT >> 10} KB")
    text = text.removeprefix("\ufeff")  # editors of Windows put a byte order mark there
    values: dict[str, Value] = {}
    wrong: dict[int, None] = {}
    tokens = list(_tokens(text))
    position = 0
    while position < len(tokens):
        first = tokens[position]
        try:
            position = _statement(tokens, position, values)
        except _SyntaxError:
            wrong[first.line] = None
            # the rest of the line is lost, and the rest of the file is still worth reading
            while tokens[position].kind != "end":
                position += 1
    if wrong:
        raise _fault(text, list(wrong), where)
    return values


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "bad"
        if kind != "skip":
            yield _Token(kind, match[0], line)
        line += match[0] == "\n"
    yield _Token("end", "\n", line)


def _statement(tokens: list[_Token], at: int, values: dict[str, Value]) -> int:
    """Take one statement; returns where the next begins."""
    if tokens[at].kind == "end":
        return at + 1
    name, sign = tokens[at], tokens[at + 1]
    if name.kind != "name" or sign.text not in ("=", "+="):
        raise _SyntaxError
    value, after = _value(tokens, at + 2)
    if tokens[after].kind != "end":
        raise _SyntaxError
    before = values.get(name.text)
    if sign.text == "+=" and before is not None:
        if isinstance(before, list) != isinstance(value, list):
            raise _SyntaxError
        value = before + value  # type: ignore[operator]  # both are texts, or both lists
    values[name.text] = value
    return after + 1


def _value(tokens: list[_Token], at: int) -> tuple[Value, int]:
    if tokens[at].text != "[" or tokens[at].kind != "mark":
        return _atom(tokens[at]), at + 1
    found: list[str] = []
    at = _past_lines(tokens, at + 1)
    while tokens[at].text != "]":
        found.append(_atom(tokens[at]))
        at = _past_lines(tokens, at + 1)
        if tokens[at].text == ",":
            at = _past_lines(tokens, at + 1)
        elif tokens[at].text != "]":
            raise _SyntaxError
    return found, at + 1


def _past_lines(tokens: list[_Token], at: int) -> int:
    while at < len(tokens) - 1 and tokens[at].text == "\n":
        at += 1
    return at


def _atom(token: _Token) -> str:
    if token.kind == "number":
        return token.text
    if token.kind != "text":
        raise _SyntaxError
    return re.sub(r"\\([\\'\"])", r"\1", token.text[1:-1])


def _fault(text: str, wrong: list[int], where: str) -> errors.BadRepository:
    lines = text.split("\n")
    said = [f"{where}:{number}: {names.printable(lines[number - 1].strip(), 80)!r}" for number in wrong]
    return errors.BadRepository(
        f"{said[0]} is not a plain `key = value` line" + (f", nor are {len(said) - 1} more" if len(said) > 1 else ""),
        hint="only literal texts, numbers and lists are read; move the rest to edgedeploy.toml",
        details=tuple(said[1:]),
    )
