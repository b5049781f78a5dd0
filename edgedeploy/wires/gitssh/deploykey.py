"""The private key that CI is given in a variable, however its forge made it fit in there. Its text is never shown."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

from edgedeploy.core import errors
from edgedeploy.core.names import printable
from edgedeploy.ports import folders
from edgedeploy.wires.ssh import keyfile

VARIABLE = "EDGEDEPLOY_DEPLOY_KEY"
_BEGIN = "-----BEGIN"
_AROUND = " \t\r\n\ufeff"
"""blanks, and the byte order mark of an editor"""
_PACKED = base64.b64encode(_BEGIN.encode())[:13].decode("ascii", "strict")
"""how a key in base64 starts: variables that a forge masks must not have several lines"""
_MAKE = "make one: edgedeploy ci key"


@dataclass(frozen=True, slots=True)
class DeployKey:
    """A private key that can be used."""

    text: str = field(repr=False)
    public: str
    """its public half, a line that a forge takes"""

    @classmethod
    def given(cls, value: str) -> DeployKey:
        """From the variable's value: the key, the key in base64, or the path of its file. Raises errors.UsageFault."""
        text = _text(value.strip(_AROUND))
        # pasted out of a web page: other ends of lines, none after the last, or written out
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = (text if "\n" in text.strip() else text.replace("\\n", "\n")).strip() + "\n"
        try:
            key = keyfile.parse(text.encode("utf-8", "replace"))
        except keyfile.Locked:
            raise errors.UsageFault(
                f"the key in {VARIABLE} has a passphrase, and nobody is there to type it", hint=_MAKE
            ) from None
        except keyfile.NoKey as fault:
            raise errors.UsageFault(f"the key in {VARIABLE} cannot be used: {fault}", hint=_MAKE) from None
        return cls(text, keyfile.half_of(key).line)


def _text(value: str) -> str:
    if value.startswith(_BEGIN):
        return value
    if value.startswith(_PACKED):
        try:
            return base64.b64decode("".join(value.split()), validate=True).decode("utf-8", "replace").strip()
        except ValueError:
            raise errors.UsageFault(
                f"{VARIABLE} is a key in base64, and not all of it", hint="paste it once more"
            ) from None
    if value.startswith(("ssh-", "ecdsa-", "sk-")):
        raise errors.UsageFault(
            f"{VARIABLE} has the public half of a key", hint="it wants the private one: edgedeploy ci key --show"
        )
    path = folders.expand(value)
    try:
        held = path.read_text(encoding="utf-8", errors="replace").strip(_AROUND) if value else ""
        return _text(held) if held.startswith((_BEGIN, _PACKED)) else held
    except (OSError, ValueError) as fault:
        # what is no path may be most of a key: it is not shown
        named = f"{printable(value, 120)}" if _looks_like_a_path(path) else "its value"
        raise errors.UsageFault(
            f"{VARIABLE} is neither a private key nor the path of one: {named}: {getattr(fault, 'strerror', None) or 'no path'}",
            hint=f"{_BEGIN} OPENSSH PRIVATE KEY----- …, or /path/to/key",
        ) from None


def _looks_like_a_path(path: Path) -> bool:
    return "\n" not in str(path) and path.is_absolute() and len(str(path)) < 200 and len(path.parts) > 2 and path.parent.is_dir()
