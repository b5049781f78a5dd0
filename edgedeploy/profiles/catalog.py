"""Finds board profiles by name, in the order a person would expect to win over the last."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

import edgedeploy
from edgedeploy.core import errors, names
from edgedeploy.core.board import HOST, Profile, host
from edgedeploy.ports import folders as locations
from edgedeploy.profiles.structure import parse

ENVIRONMENT = "EDGEDEPLOY_BOARDS"
_PACKAGE = Path(edgedeploy.__file__).parent


def folders(explicit: Path | None = None) -> tuple[Path, ...]:
    """Where profiles are looked for, the winner first.

    An explicit folder or $EDGEDEPLOY_BOARDS, the user's configuration, the installed package's data, the
    checkout's boards/. Raises BadConfig when the folder that was asked for is not there.
    """
    chosen = explicit or (Path(value) if (value := os.environ.get(ENVIRONMENT)) else None)
    if chosen and not chosen.is_dir():
        raise errors.BadConfig(f"no folder of board profiles at {chosen}", hint=f"correct {ENVIRONMENT}")
    rest = (
        locations.config_dir() / "boards",
        _PACKAGE / "data" / "boards",
        _PACKAGE.parent / "boards",
    )
    return (chosen, *rest) if chosen else rest


def available(explicit: Path | None = None) -> tuple[names.ProfileName, ...]:
    """The names of all profiles, sorted. Files whose names are no profile names are not profiles."""
    stems = {path.stem for folder in folders(explicit) for path in _profiles(folder)}
    good = (stem for stem in sorted(stems) if names.ProfileName.fits(stem))
    return tuple(names.ProfileName(stem) for stem in good)


def _profiles(folder: Path) -> list[Path]:
    try:
        return list(folder.glob("*.toml"))
    except PermissionError:
        return []  # somebody else's folder


def load(name: str, explicit: Path | None = None) -> Profile:
    """The profile of that name. Raises BadConfig: unknown (with close matches), unreadable, or wrong."""
    try:
        kind = names.ProfileName.parse(name)
    except errors.UsageFault as error:
        raise errors.BadConfig(error.message, hint=error.hint) from None
    if kind == HOST:
        return host()
    for folder in folders(explicit):
        path = folder / f"{kind}.toml"
        try:
            return parse(path.read_bytes(), kind, path)
        except FileNotFoundError:
            continue
        except PermissionError:
            if not locations.is_file(path):
                continue  # somebody else's folder
            raise errors.BadConfig(f"{path} must not be read by you", hint="check the file") from None
        except OSError as error:
            raise errors.BadConfig(f"cannot read {path}: {error.strerror}", hint="check the file") from None
    known = available(explicit)
    close = get_close_matches(kind, known, 3, 0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "`edgedeploy boards` lists them"
    raise errors.BadConfig(f"no board profile is named {kind!r}", hint=hint)


def load_all(explicit: Path | None = None) -> tuple[Profile, ...]:
    """Every profile, sorted by name. Raises BadConfig for the first that is wrong."""
    return tuple(load(name, explicit) for name in available(explicit))
