"""A clock that leaps when a test says so: what the product waits for is over at once, however long it would be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import pytest

from tests.guard import until


class Leaping:
    """The clock of the product's modules that are named; it goes on as the real one does, and back only when the test ends.

    Nothing of the product that knows these modules may outlive the test.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        self._leapt = 0.0
        clock = SimpleNamespace(monotonic=self._now, sleep=time.sleep)  # clock: handed to the product
        for module in modules:
            patch.setattr(module, "time", clock)

    def _now(self) -> float:
        return time.monotonic() + self._leapt  # clock: handed to the product

    def leap(self, seconds: float) -> None:
        """So much later it is now."""
        self._leapt += seconds

    @contextmanager
    def leaps(self, seconds: float, when: Callable[[], object], what: str, *, on: bool = False) -> Iterator[None]:
        """Meanwhile, as soon as `when` says so, time leaps; with `on`, again and again to the end.

        Fails when it never did: then nothing was waited for.
        """
        leapt: list[bool] = []
        over = threading.Event()

        def watch() -> None:
            until(when, what)
            self.leap(seconds)
            leapt.append(True)
            while on and not over.wait(0.2):
                self.leap(seconds)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        assert leapt, what
