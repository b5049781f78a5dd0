"""What the board need not carry: comments, docstrings, hints of types and what is imported for them alone.

Every other line stays where it was, so that tracebacks on the board name the lines of the sources on the laptop. A serial
line would have to carry the rest too, and a small core to load it at every start.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator

_LIGHT = "edgedeploy.core.lightclasses"
"""takes the place of `dataclasses` on the board; see there"""
_TYPING = ("TypeVar", "Literal", "Callable")


def bare(source: str) -> str:
    """A module as it is shipped. It does what it did; only `typing.get_type_hints` and `help` would miss something."""
    lines = source.encode().split(b"\n")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = source.split("\n")[row - 1][:column].rstrip().encode()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef):
            for told in filter(_is_text, node.body[1:]):  # what is said of the name in the line before
                _put(lines, told, "")
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            first = node.body[0]
            end = first.end_lineno or first.lineno
            lines[first.lineno - 1 : end] = [b""] * (end - first.lineno + 1)
            if len(node.body) == 1:
                lines[first.lineno - 1] = b" " * first.col_offset + b"pass"
    _drop_hints(lines)
    for node in ast.parse(b"\n".join(lines)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            _put(lines, node, "")
    _drop_imports(lines)
    return b"\n".join(lines).decode()


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _drop_hints(lines: list[bytes]) -> None:
    cuts: list[tuple[int, int, int, int]] = []
    tree = ast.parse(b"\n".join(lines))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation:
            cuts.append(_from(node.lineno, node.col_offset + len(node.arg.encode()), node.annotation))
        elif isinstance(node, ast.FunctionDef):
            if node.returns:
                cuts.append(_from(*_arrow(lines, node.returns), node.returns))
            cuts += [_hint(one) for one in ast.walk(node) if isinstance(one, ast.AnnAssign) and one.value]
        elif isinstance(node, ast.ClassDef) and [base.id for base in node.bases if isinstance(base, ast.Name)] == [
            "Protocol"
        ]:
            base = node.bases[0]
            cuts.append((base.lineno, base.col_offset, base.lineno, base.end_col_offset or 0))
    cuts += [_hint(node) for node in tree.body if isinstance(node, ast.AnnAssign) and node.value]
    for line, column, end, end_column in sorted(set(cuts), reverse=True):
        lines[line - 1] = lines[line - 1][:column] + lines[end - 1][end_column:]
        lines[line:end] = [b""] * (end - line)


def _hint(node: ast.AnnAssign) -> tuple[int, int, int, int]:
    return _from(node.target.end_lineno or 0, node.target.end_col_offset or 0, node.annotation)


def _from(line: int, column: int, hint: ast.expr) -> tuple[int, int, int, int]:
    """The cut from there to the end of a hint."""
    return line, column, hint.end_lineno or 0, hint.end_col_offset or 0


def _arrow(lines: list[bytes], returns: ast.expr) -> tuple[int, int]:
    """Where the `->` before a hint begins, the blank before it too."""
    line, end = returns.lineno, returns.col_offset
    while (at := lines[line - 1].rfind(b"->", 0, end)) < 0:
        line, end = line - 1, len(lines[line - 2])
    return line, len(lines[line - 1][:at].rstrip())


def _drop_imports(lines: list[bytes]) -> None:
    """Names that only hints needed: what a module imports it uses (ruff sees to it), so the unused ones are those."""
    kept = ast.parse(b"\n".join(lines)).body
    while gone := next((node for node in kept if _is_idle_type(node, kept)), None):
        _put(lines, gone, "")
        kept.remove(gone)
    used = set(_used(kept))
    for node in kept:
        if isinstance(node, ast.Import | ast.ImportFrom) and not _is_future(node):
            names = [name for name in node.names if (name.asname or name.name.split(".")[0]) in used]
            origin = ""
            if isinstance(node, ast.ImportFrom):
                origin = f"from {_LIGHT if node.module == 'dataclasses' else node.module} "
            if names != node.names or "dataclasses" in ast.unparse(node):
                _put(lines, node, f"{origin}import {', '.join(map(ast.unparse, names))}" if names else "")


def _is_future(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _used(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that are looked up, and those in `__all__`. A class's own hints are not: they stay text."""
    for node in nodes:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from ast.literal_eval(node.value)
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.AnnAssign) and child is node.annotation):
                yield from _used([child])
        if isinstance(node, ast.Name):
            yield node.id


def _is_idle_type(node: ast.stmt, module: Iterable[ast.stmt]) -> bool:
    """A name for a type that only hints used."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
        return False
    value = node.value
    of = value.func if isinstance(value, ast.Call) else value.value if isinstance(value, ast.Subscript) else None
    if not (isinstance(of, ast.Name) and of.id in _TYPING):
        return False
    return node.targets[0].id not in _used(other for other in module if other is not node)


def _put(lines: list[bytes], node: ast.stmt, text: str) -> None:
    end = node.end_lineno or node.lineno
    lines[node.lineno - 1 : end] = [text.encode(), *[b""] * (end - node.lineno)]
