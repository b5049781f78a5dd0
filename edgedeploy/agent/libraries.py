"""Whether this machine has what a program needs to be loaded: its interpreter, by path, and its libraries, by name."""

from __future__ import annotations

import functools
from pathlib import Path

from edgedeploy.core import files

_CACHE = Path("/etc/ld.so.cache")
_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib")


def there(name: str) -> bool:
    """Whether there is such a file, or a library that the dynamic loader would find (ld.so(8): its cache, the usual folders)."""
    if "/" in name:
        return Path(name).exists()
    return name in _cached() or any(Path(folder, name).exists() for folder in _folders())


@functools.cache
def _cached(cache: Path = _CACHE) -> frozenset[str]:
    """Names in the loader's cache: they stand in it as plain text, each ending in a zero byte (glibc, dl-cache.h)."""
    try:
        words = cache.read_bytes().split(b"\0")
    except OSError:
        return frozenset()
    return frozenset(word.decode(errors="replace") for word in words if b".so" in word and b"/" not in word)


def _folders() -> list[str]:
    """Also the folder of the machine's own kind, such as /usr/lib/arm-linux-gnueabihf (Debian's multiarch)."""
    below = [f"{folder}/{name}" for folder in _FOLDERS for name in files.listed(Path(folder)) if name.count("-") >= 2]
    return [*_FOLDERS, *below]
