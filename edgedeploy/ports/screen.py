"""What may reach a person's terminal of what a console writes: text, colours, the cursor, erasing; nothing that answers.

A board's console and a guest's are somebody else's bytes. Some sequences make a terminal type (device reports, answerback,
mouse and focus reports), set its title or the clipboard (OSC), or carry programs of their own (DCS, APC, PM, SOS): those
are dropped, as are the 8-bit forms of all (C1, U+0080 to U+009F). What is passed is listed; all else is not (ECMA-48, XTerm
Control Sequences). The terminal takes UTF-8, so bytes that are none become U+FFFD.
"""

from __future__ import annotations

import codecs
import re

_TEXT = frozenset("\a\b\t\n\v\f\r\x0e\x0f")
_LONGEST = 64  # characters of a control sequence; one that is longer is dropped
_STRING = 4096  # and of a string that nobody ends: line noise must not swallow the rest of the day
# cursor, erase, insert, delete, scroll, tabs, repeat; parameters as ECMA-48 has them
_MOVES = re.compile(r"\d{0,5}(;\d{0,5})?[ABCDEFGHIZ@JKLMPSTXabdefg`]")
_COLOURS = re.compile(r"[\d;:]*m")
_REGION = re.compile(r"(\d{0,5}(;\d{0,5})?)r")
_PLACE = re.compile(r"[su]|\?[JK]|\?[0-2][JK]|!p")
_MODES = re.compile(r"(\??)(\d{1,4}(?:;\d{1,4})*)([hl])")
# mode -> whether a terminal has it on by itself: insert; cursor keys, wrap, blink, cursor, other screens, paste
_USUAL = {"4": False, "?1": False, "?7": True, "?12": False, "?25": True, "?47": False, "?1047": False,
          "?1049": False, "?2004": False}  # fmt: skip
_CALM = re.compile(r"[\a\b\t\n\v\f\r -~\xa0-\U0010ffff]*")


class Screen:
    """A streaming filter. Pieces may be split anywhere; what is held back is bounded."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        """an escape sequence so far, without its ESC"""
        self._state = self._ground
        self._in_string = 0
        self._modes: dict[str, bool] = {}
        self._changed: dict[str, str] = {}
        """what else was changed -> what changes it back"""

    def feed(self, data: bytes) -> bytes:
        """What of `data` may be shown."""
        text = self._decode(data)
        if self._state == self._ground and _CALM.fullmatch(text):
            return text.encode()
        return "".join(map(self._one, text)).encode()

    def reset(self) -> bytes:
        """What gives the terminal back as it was: only what the console has changed."""
        changed = [mode for mode, on in self._modes.items() if on != _USUAL[mode]]
        modes = [f"\x1b[{mode}{'h' if _USUAL[mode] else 'l'}" for mode in changed]
        words = "".join([*self._changed.values(), *sorted(modes, key=lambda word: "47" in word or "49" in word)])
        self._modes, self._changed = {}, {}
        return words.encode()

    def _one(self, char: str) -> str:
        if char == "\x1b":  # begins anew wherever it comes; it also ends a string (its \ is an escape that does nothing)
            self._held, self._state = "", self._escape
            return ""
        return self._state(char)

    def _ground(self, char: str) -> str:
        if char in "\x0e\x0f":
            self._changed["shift"] = "\x0f"
        return char if char in _TEXT or (char >= " " and not "\x7f" <= char <= "\x9f") else ""

    def _escape(self, char: str) -> str:
        if char == "[":
            self._state = self._control
            return ""
        if char in "]PX^_":
            self._state, self._in_string = self._string, 0
            return ""
        if char in "()" and not self._held:
            self._held = char
            return ""
        if "\x20" <= char <= "\x2f" or self._held:  # other intermediates, and the end of a character set's choice
            known = self._held in ("(", ")") and char in "0AB"
            self._held += char
            if not "\x20" <= char <= "\x2f" or len(self._held) > _LONGEST:
                self._state = self._ground
            if known:
                self._changed["set" + self._held[0]] = f"\x1b{self._held[0]}B"
                return f"\x1b{self._held}"
            return ""
        if char < " ":
            return self._aside(char)
        self._state = self._ground
        if char in "=>":
            self._changed["keypad"] = "\x1b>"
        return f"\x1b{char}" if char in "78DEHM=>" else ""

    def _control(self, char: str) -> str:
        if char < " ":
            return self._aside(char)
        if not char <= "\x7e":
            self._state = self._ground
            return self._ground(char)
        if len(self._held) <= _LONGEST:
            self._held += char
        if not char >= "\x40":
            return ""
        self._state = self._ground
        return self._allowed(self._held) if len(self._held) <= _LONGEST else ""

    def _aside(self, char: str) -> str:
        """A control character inside a sequence: terminals do it at once; CAN and SUB end the sequence."""
        if char in "\x18\x1a":
            self._state = self._ground
        return self._ground(char)

    def _string(self, char: str) -> str:
        self._in_string += 1
        if char in "\a\x9c\x18\x1a\n" or self._in_string > _STRING:
            self._state = self._ground
            return "\n" if char == "\n" else ""
        return ""

    def _allowed(self, body: str) -> str:
        if modes := _MODES.fullmatch(body):
            known = [f"{modes[1]}{number}" for number in modes[2].split(";") if f"{modes[1]}{number}" in _USUAL]
            self._modes.update(dict.fromkeys(known, modes[3] == "h"))
            return "".join(f"\x1b[{mode}{modes[3]}" for mode in known)
        if _COLOURS.fullmatch(body):
            self._changed["colours"] = "\x1b[m"
        elif _REGION.fullmatch(body):
            self._changed["region"] = "\x1b7\x1b[r\x1b8"  # setting it moves the cursor
        elif not (_MOVES.fullmatch(body) or _PLACE.fullmatch(body)):
            return ""
        return f"\x1b[{body}"
