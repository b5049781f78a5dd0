"""What is left out of the agent, and that nothing else is."""

from __future__ import annotations

import ast
import io
import zipfile
from pathlib import Path

import pytest

import edgedeploy
from edgedeploy.remote import agentkit

ROOT = Path(edgedeploy.__file__).parent


def test_only_comments_and_docstrings_go():
    source = '''"""Doc."""
# a comment
A = "# no comment"  # stays: its line does
B = """
# no comment
"""


class Empty(Exception):
    """Only this.

    And more."""


def f():
    """One line."""
    return """not a docstring"""
'''
    bare = agentkit.bare(source)
    space = {"ast": ast}
    exec(compile(bare, "x", "exec"), space)
    assert space["A"] == "# no comment"
    assert space["B"] == "\n# no comment\n"
    assert space["f"]() == "not a docstring"
    assert space["f"].__doc__ is space["Empty"].__doc__ is None
    assert len(bare.split("\n")) == len(source.split("\n"))
    assert "a comment\n" not in bare.replace("no comment", "")


@pytest.mark.parametrize("floor", ["core", "agent"])
def test_every_module_means_what_it_meant_line_by_line(floor: str):
    with zipfile.ZipFile(io.BytesIO(agentkit.build())) as archive:
        for path in sorted((ROOT / floor).glob("*.py")):
            name = f"edgedeploy/{floor}/{path.name}"
            if name in archive.namelist():
                assert _code(archive.read(name).decode()) == _code(path.read_text()), name


def _code(source: str) -> str:
    """The tree with its line numbers, less docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            node.body = [one for one in node.body if not isinstance(one, ast.Pass)]
            node.end_lineno = node.end_col_offset = None
    return ast.dump(tree, include_attributes=True)
