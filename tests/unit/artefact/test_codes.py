"""The table of codes: complete, alive, and the same on the page."""

import re
from pathlib import Path

import pytest

from edgedeploy.artefact import codes
from tests import misfits

KNOWN = {**codes.MISFITS, **codes.WARNINGS}
PAGE = Path(__file__).parents[3] / "docs" / "misfits.md"


def test_every_code_in_the_source_is_in_the_registry_and_the_other_way_round():
    source = misfits.in_source()
    assert {code: where for code, where in source.items() if code not in KNOWN} == {}
    assert set(KNOWN) - set(source) == set()
    assert not set(codes.MISFITS) & set(codes.WARNINGS)


@pytest.mark.parametrize("code", KNOWN)
def test_every_code_has_a_live_example_that_says_what_to_do(code):
    misfit = misfits.example(code)
    assert misfit.hint
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)


def test_no_example_is_of_a_code_that_is_gone():
    assert set(misfits.EXAMPLES) == set(KNOWN)


def test_the_page_is_what_is_generated():
    assert PAGE.read_text() == misfits.page(), "python -m tests.misfits --write docs/misfits.md"


def test_codes_are_found_wherever_a_module_makes_them():
    module = """
TABLE = {1: ("tabled", "hint")}
class Lint:
    def refuse(self, code, found):
        self.all.append(Misfit(code, found))
    def read(self):
        self.refuse("handed", "x")
def f():
    code, hint = TABLE[1]
    yield Misfit(code, hint)
def g():
    code = "this" if one else "that"
    raise packing.PackingError(code, "x")
"""
    tree = misfits.ast.parse(module)
    found = set()
    for call in misfits.ast.walk(tree):
        if isinstance(call, misfits.ast.Call) and misfits._name(call.func) in ("Misfit", "PackingError"):
            found |= misfits._codes(call.args[0], tree, f"here:{call.lineno}")
    assert found == {"tabled", "handed", "this", "that"}


def test_a_code_that_cannot_be_told_is_not_overlooked():
    tree = misfits.ast.parse("Misfit(f())")
    with pytest.raises(LookupError, match="cannot tell"):
        misfits._codes(tree.body[0].value.args[0], tree, "here:1")
