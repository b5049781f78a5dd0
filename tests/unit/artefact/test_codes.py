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


def test_a_code_that_cannot_be_told_is_not_overlooked():
    tree = misfits.ast.parse("Misfit(f())")
    with pytest.raises(LookupError, match="cannot tell"):
        misfits._codes(tree.body[0].value.args[0], tree, "here")
