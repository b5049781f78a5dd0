"""A start without what the agent does not use: of pathlib and subprocess, and of the search for garbage.

pathlib loads urllib.parse, and that ipaddress, for Path.as_uri; subprocess loads locale for text=True: a ninth of what a
hello costs a small core. Only while they load does a stand-in have that name: whoever imports urllib.parse later gets it,
and what asks the stand-in for something after all gets that too. And while modules load there is no garbage, only more and
more to search for it: a sixteenth of a hello.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

_SPARED = ("urllib.parse", "locale")


class _Later:
    """In the place of a module: its functions load it when they are called."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Callable[..., object]:
        if function.startswith("__"):
            raise AttributeError(function)  # the importer asks for __spec__ and the like

        def call(*args: object, **named: object) -> object:
            module = __import__(self._name, fromlist=[function])
            return getattr(module, function)(*args, **named)

        return call


def load() -> None:
    """Load both. What is loaded already stays as it is. From here to `loaded` no garbage is searched for."""
    gc.disable()
    mine = {name: _Later(name) for name in _SPARED if name not in sys.modules}
    sys.modules.update(mine)  # type: ignore[arg-type]  # the importer takes any object
    try:
        import pathlib  # noqa: F401, PLC0415 - see above
        import subprocess  # noqa: F401, PLC0415
    finally:
        for name in mine:
            del sys.modules[name]


def loaded() -> None:
    """The modules are there, and stay: what is searched from now on is what comes after them."""
    gc.freeze()
    gc.enable()
