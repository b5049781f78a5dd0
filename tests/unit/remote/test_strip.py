"""What is left out of the agent, and that nothing else is: it means what it meant, and stands in the same lines."""

from __future__ import annotations

import ast
import difflib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import edgedeploy
from edgedeploy.remote import agentkit
from edgedeploy.remote.strip import bare

ROOT = Path(edgedeploy.__file__).parent
SOURCE = '''"""Doc."""
from __future__ import annotations

import os
# a comment
from collections.abc import Callable
from typing import (
    ClassVar,
    Literal,
    Protocol,
    TYPE_CHECKING,
    TypeVar,
)
from dataclasses import dataclass, field

if TYPE_CHECKING:
    from os import PathLike

T = TypeVar("T")
Way = Literal["up", "down"]
Ask = Callable[[T], str]
A: dict[str, Ask] = "# no comment"  # ümlaut: gone, and its line stays
"""said of A"""
B = """
# no comment
"""


class Empty(Exception):
    """Only this.

    And more."""


class Wire(Protocol):
    """A protocol."""

    def send(self, what: bytes) -> None:
        """Send."""


@dataclass
class Way2:
    kind: ClassVar[str] = "way"
    """said of kind"""
    way: Way = "up"
    more: list[Way] = field(default_factory=list)


def ümlaut(ä: Way, *rest: T, up: bool = True, **more: Callable[[int], dict[str, tuple[
    int, ...]]]
) -> Callable[
    [T],
    PathLike[str], os.stat_result,
]:
    """One line."""
    local: Way = "down"
    only: int
    return ä, rest, up, local, more


def f() -> str: return """not a docstring"""
'''


def test_comments_docstrings_and_hints_go():
    less = bare(SOURCE)
    space: dict[str, object] = {"__name__": "x", "ast": ast}
    exec(compile(less, "x", "exec"), space)
    assert space["A"] == "# no comment"
    assert space["B"] == "\n# no comment\n"
    assert space["f"]() == "not a docstring"
    assert space["ümlaut"](1, 2, x=3) == (1, (2,), True, "down", {"x": 3})
    assert space["Way2"]().way == "up"
    assert space["f"].__doc__ is space["Empty"].__doc__ is None
    assert len(less.split("\n")) == len(SOURCE.split("\n"))
    assert less.split("\n").index('B = """') == SOURCE.split("\n").index('B = """')
    for gone in ("typing", "TYPE_CHECKING", "import os", "PathLike", "Literal", "TypeVar", "->", "a comment\n# ", "gone", "said of"):
        assert gone not in less, gone


@pytest.mark.parametrize("floor", ["core", "agent"])
def test_every_module_does_what_it_did_line_by_line(floor: str):
    for name, shipped in _shipped(floor):
        wanted = ast.unparse(_bones(ast.parse((ROOT / name).read_text()))).splitlines()
        found = ast.unparse(_bones(ast.parse(shipped))).splitlines()
        assert not list(difflib.unified_diff(wanted, found, name, "shipped", n=1, lineterm="")), name


@pytest.mark.parametrize("floor", ["core", "agent"])
def test_what_is_raised_on_the_board_names_the_line_of_the_source(floor: str):
    for name, shipped in _shipped(floor):
        wanted, found = (_raised(text) for text in ((ROOT / name).read_text(), shipped))
        assert wanted == found, name


def test_nothing_dear_is_left_to_import():
    with zipfile.ZipFile(io.BytesIO(agentkit.build())) as archive:
        for name in archive.namelist():
            for node in ast.walk(ast.parse(archive.read(name))):
                if isinstance(node, ast.ImportFrom) and name != "edgedeploy/core/packing.py":
                    assert node.module not in ("typing", "dataclasses"), name


REACHES = """
import ast, importlib, sys, zipfile
with zipfile.ZipFile(sys.path[0]) as archive:
    for path in (name for name in archive.namelist() if "/" in name and "__main__" not in name):
        module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        ours = {name for name, value in vars(module).items() if getattr(value, "__name__", "").startswith("edgedeploy.")}
        for node in ast.walk(ast.parse(archive.read(path))):
            if isinstance(node, ast.ImportFrom):
                found = importlib.import_module(node.module)
                for name in node.names:
                    hasattr(found, name.name) or importlib.import_module(f"{node.module}.{name.name}")
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
                print(path, node.value.id, node.attr, hasattr(getattr(module, node.value.id), node.attr))
"""


def test_what_a_module_wants_of_another_is_still_there(tmp_path: Path):
    agent = tmp_path / "agent.pyz"
    agent.write_bytes(agentkit.build())
    script = f"import sys; sys.path.insert(0, {str(agent)!r})\n{REACHES}"
    done = subprocess.run([sys.executable, "-ISc", script], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    said = done.stdout.splitlines()
    assert len(said) > 300
    assert not [line for line in said if line.endswith("False")]


SCRIPT = """
import importlib, pkgutil, sys
import edgedeploy.agent, edgedeploy.core
light = "light" in sys.argv
kit = importlib.import_module("edgedeploy.core.lightclasses" if light else "dataclasses")
mark = "_light" if light else "__dataclass_fields__"
def attempt(do):
    try: return str(do()).replace("__main__.", "")
    except (TypeError, AttributeError): return "refused"
for floor in (edgedeploy.core, edgedeploy.agent):
    for module in sorted(sys.argv[-1].split(",")):
        if not module.startswith(floor.__name__): continue
        for name, cls in sorted(vars(importlib.import_module(module)).items()):
            if not isinstance(cls, type) or not hasattr(cls, mark) or cls.__module__ != module: continue
            names = [(f.name, f.type) for f in kit.fields(cls)]
            print(module, name, names, cls.__match_args__, cls.__slots__)
            given = {name: (number, [number], {"a": (name,)}) for number, (name, _) in enumerate(names)}
            made = cls(**given)
            print(made, made == cls(**given), made == object(), made != cls(**given))
            print(attempt(lambda: hash(cls(**{n: 1 for n, _ in names})) == hash(cls(**{n: 1 for n, _ in names}))))
            print(kit.asdict(made), kit.replace(made) == made, kit.asdict(kit.replace(made, **{names[0][0]: made})) if names else "")
            print(attempt(lambda: cls(*given.values())), attempt(cls), attempt(lambda: cls(nonsense=1, **given)))
            print(attempt(lambda: cls(*range(99))), attempt(lambda: cls(1, **given)))
            if names: print(attempt(lambda: setattr(made, names[0][0], 1)), attempt(lambda: delattr(made, names[0][0])))
            print(attempt(lambda: setattr(made, "nonsense", 1)), attempt(lambda: made.__dict__))
"""


def test_the_light_classes_do_what_dataclasses_do(tmp_path: Path):
    """Every class of the shipped agent, beside the one the laptop has."""
    agent = tmp_path / "agent.pyz"
    agent.write_bytes(agentkit.build())
    names = [name.removesuffix(".py").replace("/", ".") for floor in ("core", "agent") for name, _ in _shipped(floor)]
    modules = ",".join(f"edgedeploy.{name}" for name in names if "__" not in name)
    said = [
        subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{SCRIPT}", kind, modules],
            stdout=subprocess.PIPE, text=True, check=True, timeout=600,
        ).stdout.splitlines()
        for path, kind in ((ROOT.parent, "full"), (agent, "light"))
    ]  # fmt: skip
    assert len(said[0]) > 300
    assert not list(difflib.unified_diff(*said, "dataclasses", "light", n=1, lineterm=""))


def _shipped(floor: str) -> list[tuple[str, str]]:
    """Path below the package, and the text that is shipped of it."""
    with zipfile.ZipFile(io.BytesIO(agentkit.build())) as archive:
        return [
            (name.removeprefix("edgedeploy/"), archive.read(name).decode())
            for name in archive.namelist()
            if name.startswith(f"edgedeploy/{floor}/")
        ]


def _raised(source: str) -> list[tuple[str, int]]:
    return [(ast.unparse(node), node.lineno) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]


class _Bones(ast.NodeTransformer):
    """What a program does: no docstrings, hints, protocols' bases or imports."""

    def generic_visit(self, node: ast.AST) -> ast.AST | None:
        super().generic_visit(node)
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.Module | ast.ClassDef):
            node.body = [one for one in node.body if not _said_of_a_name(one)] or [ast.Pass()]
        if isinstance(node, ast.ClassDef) and node.bases and ast.unparse(node.bases[0]) == "Protocol":
            node.bases = []
        if isinstance(node, ast.AnnAssign) and node.value:
            return ast.copy_location(ast.Assign([node.target], node.value), node)
        return node


def _said_of_a_name(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _bones(tree: ast.Module) -> ast.AST:
    bones = _Bones().visit(tree)
    dear = ("TypeVar", "Literal", "Callable")
    bones.body = [
        node
        for node in bones.body
        if not isinstance(node, ast.ImportFrom)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        and not (isinstance(node, ast.Assign) and ast.unparse(node.value).split("(")[0].split("[")[0] in dear)
    ]
    return ast.fix_missing_locations(bones)
