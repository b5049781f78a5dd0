"""The one gate through which names from outside pass: command line, mDNS, repositories, serial lines.

A value of these types is safe to use as a file name, in an argv and on a terminal; nothing downstream sees a raw string.
"""

from __future__ import annotations

import re
from typing import ClassVar, Self

from edgedeploy.core import errors


class Name(str):
    """A string that has passed its pattern. Use `parse`; the constructor does not check."""

    __slots__ = ()
    what: ClassVar[str] = "name"
    pattern: ClassVar[str]
    """compiled when it is first asked: a small board starts often, and asks few of them"""
    rule: ClassVar[str]

    @classmethod
    def fits(cls, text: str) -> bool:
        """Whether this is such a name."""
        return re.fullmatch(cls.pattern, text) is not None

    @classmethod
    def parse(cls, text: object) -> Self:
        """Return the checked name; raises errors.UsageFault naming the value and the rule."""
        if isinstance(text, str) and cls.fits(text):
            return cls(text)
        said = printable(text, 80) if isinstance(text, str) else shown(text)
        raise errors.UsageFault(f"{said!r} is not a valid {cls.what}", hint=f"a {cls.what} is {cls.rule}")


class AppName(Name):
    """An app: one deployment repository and the one guest it runs."""

    what = "app name"
    pattern = r"[a-z0-9][a-z0-9-]{0,39}"
    rule = "1-40 lower-case letters, digits and dashes, starting with a letter or digit"


class BoardName(Name):
    """What people call a board: its mDNS instance or host name."""

    what = "board name"
    pattern = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
    rule = "1-63 letters, digits and dashes, starting with a letter or digit"


class BoardId(Name):
    """Which physical board this is, for ever: made once at enrolment."""

    what = "board id"
    pattern = r"[0-9a-f]{16}"
    rule = "16 hexadecimal digits"


def board_id_of(machine_id: str) -> BoardId:
    """A board's id from its /etc/machine-id: known before enrolment, and not the machine-id itself (machine-id(5))."""
    import hashlib  # noqa: PLC0415 - OpenSSL; only enrolment asks

    return BoardId(hashlib.sha256(b"edgedeploy board " + machine_id.strip().encode()).hexdigest()[:16])


def own_board_id(machine_id: str) -> BoardId | None:
    """As `board_id_of`; None where it is no machine-id: "uninitialized" before the first boot, zeros after a power cut."""
    said = machine_id.strip()
    if re.fullmatch(r"[0-9a-f]{32}", said) and said.strip("0"):
        return board_id_of(said)
    return None


class ProfileName(Name):
    """A kind of board: the stem of boards/<kind>.toml."""

    what = "board profile name"
    pattern = r"[a-z0-9][a-z0-9-]{0,62}"
    rule = "1-63 lower-case letters, digits and dashes"


class ReleaseId(Name):
    """One xen/<id>/ of a deployment repository."""

    what = "release id"
    pattern = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
    rule = "1-64 letters, digits, dots, dashes and underscores, starting with a letter or digit"


class DomainName(Name):
    """The name of a Xen domain (the original scripts: the host name without dots)."""

    what = "VM name"
    pattern = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
    rule = "1-63 letters, digits, dashes and underscores, starting with a letter or digit"


class FileName(Name):
    """A single path component inside a release folder."""

    what = "file name"
    pattern = r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}"
    rule = "1-128 letters, digits and . _ + -, not starting with a dot or dash"


class BridgeName(Name):
    """A Linux network interface (IFNAMSIZ is 16 with its NUL: linux/if.h)."""

    what = "bridge name"
    pattern = r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}"
    rule = "1-15 letters, digits, dots, dashes and underscores"


class MacAddress(Name):
    """An Ethernet address."""

    what = "MAC address"
    pattern = r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}"
    rule = "six hexadecimal pairs with colons"


class Sha256(Name):
    """A SHA-256 digest in lower-case hexadecimal."""

    what = "SHA-256 digest"
    pattern = r"[0-9a-f]{64}"
    rule = "64 hexadecimal digits"


class CommitId(Name):
    """A git object id (SHA-1 or SHA-256 repositories)."""

    what = "commit id"
    pattern = r"[0-9a-f]{40}([0-9a-f]{24})?"
    rule = "40 or 64 hexadecimal digits"


class UrlPath(Name):
    """The path of a URL that a health probe asks for."""

    what = "URL path"
    pattern = r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,255}"
    rule = "a slash and at most 255 URL characters"


class CommandLine(Name):
    """A kernel command line. No quotes and no backslash: it goes into an xl configuration file."""

    what = "kernel command line"
    pattern = r"[ !#-&(-\[\]-~]{0,1024}"
    rule = "at most 1024 printable ASCII characters without quotes and backslashes"


def shown(value: object, limit: int = 80) -> str:
    """A value of any type as an error's text shows it, safe to print."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python prints no number of 5000 digits, no list in a list in a list …
        text = f"<{type(value).__name__} too large to show>"
    return printable(text, limit)


def printable(text: str, limit: int = 4096) -> str:
    """Text from outside made safe for a terminal: control and escape characters become \\xNN.

    At most `limit` characters and a `…` come out, however many of them were escaped.
    """
    safe = "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[:limit] + "…"
