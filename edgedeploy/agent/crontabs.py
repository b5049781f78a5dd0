"""What the entries of a crontab do: which of them are a `git pull`, and the crontab's bytes without some of them.

Nothing here looks at files, and no byte of a line that stays is changed.
"""

from __future__ import annotations

import contextlib
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
_OPERATOR = re.compile(r"(?=.)([();&|]*)([<>][<>&|]*)?")
"""what ends a command, and what redirects"""
_DOUBT = re.compile(r"`|\$\(|[<>]\(")
"""begins a command within a command"""
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")
_LONGEST = 4096
"""bytes; Debian's cron takes a quarter of that"""
_BEFORE = ("nice", "sudo", "exec", "command")
_HARMLESS = ("exit", "true", ":", "sleep", "test", "[")
"""are there for what follows them only"""
_READERS = ("logger", "cat", "true")
"""only take what the pull says"""


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


def pulled(command: str, home: str) -> tuple[list[str], bool]:
    """The folders in which a command does `git pull`, and whether it pulls once and does nothing besides: not where in doubt."""
    found, only = [], not _DOUBT.search(command)
    folder, outside = home, [home]
    for before, words in _steps(command):
        for sign in before:
            if sign == "(":
                outside.append(folder)
            elif sign == ")" and outside:  # what a subshell did to its folder ends with it
                folder = outside.pop()
        match words:
            case ["cd", *options]:
                folder = _at(folder, options[-1] if options else home, home)
                only = only and "||" not in before
            case ["git" | "/usr/bin/git", "-C", to, "pull", *_]:
                found.append(_at(folder, to, home))
            case ["git" | "/usr/bin/git", "pull", *_]:
                found.append(folder)
            case [other, *_]:
                only = only and other in (_READERS if _PIPE.search(before) else _HARMLESS)
    return found, only and len(found) == 1


def _steps(command: str) -> list[tuple[str, list[str]]]:
    """The commands in a command, without redirections: the operator before each, and its words. None where a quote has no end:
    the shell refuses that, too."""
    split = shlex.shlex(command, posix=True, punctuation_chars=True)
    split.whitespace_split, split.commenters = True, ""
    steps: list[tuple[str, list[str]]] = [("", [])]
    with contextlib.suppress(ValueError):
        for word in split:
            operator = _OPERATOR.fullmatch(word)
            if operator and operator[1]:
                steps.append((operator[1], []))
            words = steps[-1][1]
            if operator and operator[2]:
                next(split, None)
                if words and re.fullmatch("[0-9]", words[-1]):  # of `2>&1`
                    words.pop()
            elif not operator and (words or not (word in _BEFORE or re.match(r"\w+=", word))):
                words.append(word)
        return steps
    return []


def _at(folder: str, to: str, home: str) -> str:
    """Where a shell that is in `folder` finds `to`."""
    to = re.sub(r"\A~(?=/|\Z)|\$HOME\b|\$\{HOME\}", lambda _: home, to)
    return os.path.normpath(os.path.join(folder, to))
