"""What the entries of a crontab do: which of them are a `git pull`, and the crontab's bytes without some of them.

Nothing here looks at files, and no byte of a line that stays is changed.
"""

from __future__ import annotations

import io
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

_ENTRY = re.compile(rb"[ \t]*(?:@[a-z]+|[0-9*~-]\S*(?:[ \t]+\S+){4})[ \t]+(.*)")
_HOME = re.compile(rb"""[ \t]*(["']?)HOME\1[ \t]*=[ \t]*(["']?)(.*?)\2[ \t]*\n?""")
_INPUT = re.compile(rb"(?<!\\)%.*")
"""cron gives a command what follows a % as its input"""
_BETWEEN = re.compile(r"(?!\|&?\Z)[();&|]+")
"""what ends a command; what a pipe leads to only reads what the pull says"""
_LONGEST = 4096
"""bytes; Debian's cron takes a quarter of that"""
_BEFORE = ("nice", "sudo", "exec", "command")
_HARMLESS = ("exit", "true", ":", "sleep", "test", "[", ">", ">>")
"""are there for what follows them only"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command that cron runs. `home` is the HOME that the crontab itself sets before it, "" where it sets none."""

    number: int
    line: bytes
    user: str
    home: str
    command: str


def sift(text: bytes, doomed: Callable[[Entry], bool], user: str = "") -> tuple[bytes, list[Entry]]:
    """A crontab without the entries that are `doomed`, and those. `user` "" : the crontab names one in each entry."""
    kept, removed, home = [], [], ""
    for number, line in enumerate(io.BytesIO(text), 1):
        if setting := _HOME.fullmatch(line):
            home = os.fsdecode(setting[3])
        entry = _entry(number, line, user, home)
        if entry and doomed(entry):
            removed.append(entry)
        else:
            kept.append(line)
    return b"".join(kept), removed


def _entry(number: int, line: bytes, user: str, home: str) -> Entry | None:
    match = _ENTRY.match(line)
    if not match or len(line) > _LONGEST or b"\0" in line:
        return None
    words = [os.fsencode(user), match[1]] if user else match[1].split(None, 1)
    if len(words) < 2:
        return None
    command = _INPUT.sub(b"", words[1]).replace(rb"\%", b"%")
    return Entry(number, line, os.fsdecode(words[0]), home, os.fsdecode(command))


def pulled(command: str, home: str) -> tuple[str, bool]:
    """The folder in which a command does `git pull` ("" : none), and whether it does nothing besides."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split, words.commenters = True, ""
    steps: list[list[str]] = [[]]
    try:
        for word in words:
            if _BETWEEN.fullmatch(word):
                steps.append([])
            elif steps[-1] or not (word in _BEFORE or re.match(r"\w+=", word)):
                steps[-1].append(word)
    except ValueError:  # a quote without its end: the shell refuses it too
        return "", False
    folder, found, only = home, "", True
    for step in steps:
        match step:
            case ["cd", "--", to, *_] | ["cd", to, *_]:
                folder = _at(folder, to, home)
            case ["git" | "/usr/bin/git", "-C", to, "pull", *_]:
                found = _at(folder, to, home)
            case ["git" | "/usr/bin/git", "pull", *_]:
                found = folder
            case [other, *_] if other not in _HARMLESS:
                only = False
    return found, only


def _at(folder: str, to: str, home: str) -> str:
    """Where a shell that is in `folder` finds `to`."""
    to = re.sub(r"\A~(?=/|\Z)|\$HOME\b|\$\{HOME\}", lambda _: home, to)
    return os.path.normpath(os.path.join(folder, to))
