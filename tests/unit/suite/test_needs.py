"""How much a tier asks of a property."""

import pytest

from tests.needs import examples


@pytest.mark.parametrize(("thorough", "quick"), [(500, 50), (120, 12), (12, 10)])
def test_a_tenth_of_the_examples_but_ten_where_there_is_no_time(monkeypatch, thorough, quick):
    monkeypatch.delenv("EDGEDEPLOY_THOROUGH", raising=False)
    assert examples(thorough) == quick
    monkeypatch.setenv("EDGEDEPLOY_THOROUGH", "1")
    assert examples(thorough) == thorough
