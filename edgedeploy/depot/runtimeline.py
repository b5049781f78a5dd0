"""Has edgedeploy.toml say another runtime; every byte that is not about that stays as it is."""

from __future__ import annotations

import re

from edgedeploy.core import errors, project
from edgedeploy.core.board import HOST
from edgedeploy.core.release import UNIX

_GUESTS = re.compile(r"^[ \t]*(?:vcpus|bridge|mac|gic_version|cmdline[ \t]*=[^\n]*console=)", re.M)
_RUNTIME = re.compile(r"^([ \t]*runtime[ \t]*=[ \t]*)\"[^\"]*\"", re.M)
_APP = re.compile(r"^[ \t]*app[ \t]*=[^\n]*\n", re.M)
_BOARDS = re.compile(r"^([ \t]*boards[ \t]*=[ \t]*)\[[^\]]*\]", re.M)
_TABLE = re.compile(r"^[ \t]*\[", re.M)


def saying(text: str, runtime: str) -> str:
    """The file with `runtime` (core.release.RUNTIMES). What is for guests of Xen alone is commented out for programs; the kinds of
    board it was meant for are not those of the other runtime.

    Raises errors.BadConfig where the result could not be read, or would not say so: it is to be edited by hand.
    """
    first = _TABLE.search(text)
    top, rest = (text[: first.start()], text[first.start() :]) if first else (text, "")
    if _RUNTIME.search(top):
        top = _RUNTIME.sub(rf'\g<1>"{runtime}"', top, count=1)
    else:
        top = _APP.sub(lambda found: f'{found[0]}runtime = "{runtime}"\n', top, count=1)
    top = _BOARDS.sub(rf'\g<1>["{HOST}"]' if runtime == UNIX else r"\g<1>[]", top, count=1)
    if runtime == UNIX:
        rest = _GUESTS.sub(lambda found: f"# {found[0]}", rest)
    try:
        if project.loads((top + rest).encode(errors="surrogateescape")).runtime == runtime:
            return top + rest
        why = "it is written in another way than by lines"
    except errors.BadConfig as error:
        why = "; ".join([error.message, *error.details])
    raise errors.BadConfig(
        f"{project.FILE} cannot be made to say runtime = {runtime!r} here: {why}", hint=f'write runtime = "{runtime}" there by hand'
    )
