"""The contract classes are plain modules: let pytest explain their failing asserts as it does for tests."""

import pytest

pytest.register_assert_rewrite("tests.contract.wire_contract")
