"""A test that decides by the wall clock is refused by name; what is no clock is not."""

import pytest

from tests import clocks, guard

REFUSED = {
    "asserts elapsed": "import time\ndef test_quick():\n    assert time.monotonic() - 1 < 2\n",
    "another name": "import time as t\ndef test_quick():\n    assert t.perf_counter() < 2\n",
    "imported alone": "from time import monotonic as now\ndef test_quick():\n    assert now() < 2\n",
    "sleeps": "import time\ndef test_quick():\n    time.sleep(3)\n",
    "handed on": "import time\ndef test_quick():\n    wait(clock=time.monotonic)\n",
    "a date": "from datetime import datetime\ndef test_quick():\n    assert datetime.now().year > 2\n",
    "through its module": "import datetime\ndef test_quick():\n    assert datetime.datetime.now().year > 2\n",
    "an empty reason": "import time\ndef test_quick():\n    assert time.time() > 2  # clock:\n",
}
LET_THROUGH = {
    "a reason": "import time\ndef test_x():\n    os.utime(f, (time.time(), 1))  # clock: the file's own date\n",
    "a guard": "from tests import guard\ndef test_x():\n    guard.until(there, 'it came')\n",
    "replaced": "import time\ndef test_x(monkeypatch):\n    monkeypatch.setattr(time, 'monotonic', lambda: 1.0)\n",
    "another's sleep": "def test_x(bed):\n    bed.sleep(2)\n    assert self.time() < 2\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_look_at_a_clock_is_refused_by_name(text: str) -> None:
    (fault,) = clocks.faults("tests/unit/test_x.py", text)
    assert fault.startswith("tests/unit/test_x.py:3: test_quick ")


@pytest.mark.parametrize("text", LET_THROUGH.values(), ids=LET_THROUGH)
def test_what_decides_by_no_clock_passes(text: str) -> None:
    assert list(clocks.faults("tests/unit/test_x.py", text)) == []


def test_a_guard_says_what_did_not_happen() -> None:
    with pytest.raises(AssertionError, match="in vain: the moon rose"):
        guard.until(lambda: False, "the moon rose", seconds=0.0)
    with pytest.raises(AssertionError, match="in vain: it grew"):
        guard.until(list, lambda: "it grew", seconds=0.0)


def test_a_guard_hands_on_what_it_was_told() -> None:
    assert guard.until(lambda: "word", "a word") == "word"
