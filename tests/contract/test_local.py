"""The local wire keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgedeploy.wires.local import LocalWire
from tests.contract.wire_contract import WireContract

pytestmark = pytest.mark.contract


class TestLocal(WireContract):
    @pytest.fixture
    def wire(self) -> Iterator[LocalWire]:
        with LocalWire() as wire:
            yield wire
