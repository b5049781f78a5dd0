"""A console's bytes as the text a person would read: no escapes, one kind of line end, and no foreign lines.

Kernel and Xen write whole lines of their own between any two bytes of what a program prints. Cut out, what is
left is what the tty's reader and writer said: "cubie login: (XEN) d1 is up\\r\\n" is still a login prompt.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor, bracketed paste
    r"|\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)"  # OSC: window titles
    r"|[()*+][0-9A-Za-z]|[ -/]?[0-~])"
)
_FOREIGN = r"(?:\(XEN\) |\(d\d{1,5}\) |\[ *\d{1,9}\.\d{6}\](?:\[ *[TC]\d{1,7}\])? )"
_FOREIGN_LINE = re.compile(_FOREIGN + r"[^\n]*(?:\n|\Z)")


def plain(raw: bytes) -> str:
    """Without escapes, lines end in LF (a console behind Xen writes CR CR LF). Never raises."""
    text = _ESCAPE.sub("", raw.decode("utf-8", "replace"))
    # not by a pattern: rubbish at the wrong rate is long lines, and a pattern's time goes with their square
    return "\n".join(line.strip("\r") for line in text.split("\n")).replace("\x00", "").replace("\x07", "")


def own(text: str) -> str:
    """`plain` text without the lines that Xen and the kernel wrote into it; one that is not whole yet goes too."""
    # a CR inside a line: what follows is written over what was there
    return "\n".join(line.rpartition("\r")[2] for line in _FOREIGN_LINE.sub("", text).split("\n"))


RUBBISH = "[\ufffd\x01-\x06\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
"""a character that no console prints (for a pattern)"""
_RUBBISH = re.compile(RUBBISH.replace("\x01", "\x00"))


def garbled(raw: bytes) -> int:
    """How many characters of `raw` no console prints: what a wrong baud rate makes of them."""
    return len(_RUBBISH.findall(raw.decode("utf-8", "replace")))


def noisy(text: str) -> bool:
    """Whether so much of it is rubbish that it is no text."""
    bad = len(_RUBBISH.findall(text))
    return bad >= 3 and bad >= len(text) * 0.3
