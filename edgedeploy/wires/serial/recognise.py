"""Where is the console's line? A pure state machine over bytes and time: it says what to send, or what it has seen.

It listens first, for longer than U-Boot's countdown ticks: the one thing that must not happen is a key that stops a
board from booting. Then it asks with Ctrl-U and Enter (Ctrl-U, because Enter alone would run what somebody left
half typed), and where nothing at all comes back, with three Ctrl-A: Xen may have the input (xen/drivers/char/console.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from edgedeploy.wires.serial import text

LISTEN = 1.3
"""seconds of listening first: U-Boot's countdown ticks once a second"""
ANSWER = 1.5
"""seconds that an answer may take"""
SETTLE = 0.3
"""seconds of quiet after which a prompt is one, and not the middle of a line"""
GARBLE_LISTEN = 5.0
"""seconds of bytes that are no text before anything is typed at them"""
_TICK_PAUSE = 0.8
"""seconds of quiet that U-Boot's countdown has between two ticks: noise and a kernel's boot have none for long"""
KERNEL_QUIET = 10.0
"""seconds of quiet in a kernel's boot after which a question does no harm: with `quiet` that is how it looks"""
BUSY_QUIET = 3.0
BUFFER = 16384

ASK = b"\x15\r"
_ASK_LF = b"\x15\n"  # for a tty that was left raw: there Enter's CR ends no line
_CANCEL = b"\x03"


class Where(Enum):
    """What the line is at. The value is how a sentence names it."""

    UBOOT = "U-Boot"
    LOADER = "a boot loader"
    BOOTING = "a kernel that boots"
    LOGIN = "a login prompt"
    PASSWORD = "a password prompt"  # noqa: S105 - no password
    MAINTENANCE = "the maintenance prompt"
    SHELL = "a shell"
    XEN = "Xen's own console"
    AGENT = "the agent's link"
    PROGRAM = "another program"
    WRONG_BAUD = "garbled bytes"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Sight:
    """The answer."""

    where: Where
    root: bool = False
    """a shell's prompt ends in #"""
    alive: bool = False
    """Xen or the kernel wrote something, or a tty echoed: the cable and the rate are good"""
    last: tuple[str, ...] = ()
    """the last lines that were seen, for an error's details; raw text from outside"""


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes now, then ask again."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to send: feed what comes, ask again at `until` at the latest."""

    until: float


_UBOOT = re.compile(r"^U-Boot (?:SPL |TPL )?\d|any key to stop|Press .{0,40}to (?:stop|abort) (?:auto)?boot|[Aa]utoboot", re.M)
_TICK = re.compile(r"\x08{2,3} ?\d ?(?:\x08|\Z)")
_KERNEL = re.compile(
    r"^Starting kernel \.\.\.|Booting Linux on|Linux version \d|Uncompressing Linux|\(XEN\) Xen version|\(XEN\) Checking for", re.M
)
_BUSY = re.compile(r"\[ {3,4}\d{1,2}\.\d{6}\] |\[  OK  \]|^INIT: |^Begin: |^ {9}Starting ", re.M)
_XEN_INPUT = re.compile(r"\*\*\* Serial input (?:to|->) (Xen|DOM\d+)(?:[^\n]{0,20}CTRL-([a-z]))?[^\n]*\n", re.I)
_ALIVE = re.compile(r"\(XEN\) |\[ *\d+\.\d{6}\] ")
_ALTERNATE = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")
_MOVE = re.compile(rb"\x1b\[\d+;\d+[Hf]|\x1b\[H")

_LAST_LINES = (
    (Where.LOGIN, re.compile(r"(?<!Last )\blogin: ?$", re.I)),
    (Where.MAINTENANCE, re.compile(r"\(or (?:press|type) Control-D to continue\): ?$", re.I)),
    (Where.PASSWORD, re.compile(r"\bpassword(?: for [^:]{1,64})?: ?$", re.I)),
    (Where.UBOOT, re.compile(r"^(?:=>|U-Boot>|uboot>|sunxi#|Marvell>>|[\w-]{1,20}>>) ?$")),
    (Where.LOADER, re.compile(r"^(?:grub(?: rescue)?>|Shell>|FS\d:.{0,80}>|barebox\b.{0,80}[:>].{0,80}|RedBoot>|CFE>|PMON>|\d >) $")),
    (Where.PROGRAM, re.compile(r"^(?:--More--.*|\(END\)|lines \d+-\d+.*|:)$")),
    (Where.SHELL, re.compile(r"[#$>\u276f] $|(?<!\d)% $|^\(initramfs\) $")),
)
_BEFORE_NOISE = tuple(
    (where, re.compile(rf"{form}(?=[\t-\r -~]{{0,8}}{text.RUBBISH})", re.I | re.M))
    for where, form in (
        (Where.LOGIN, r"(?<!Last )\blogin: ?"),
        (Where.PASSWORD, r"\bpassword(?: for [^:]{1,64})?: ?"),
        (Where.SHELL, r"(?:^\r*[ -~]{0,60}|\w@[\w.-]{1,60}:\S{0,60}|edgedeploy)[#$] "),
    )
)
QUESTION = "\x15:"
"""does nothing in any shell and means nothing elsewhere; unlike Enter alone it has U-Boot repeat no command"""
_NEARLY = re.compile(r"^\S.{0,60}[#$>]$")
_REFUSALS = (
    (Where.UBOOT, re.compile(r"Unknown command|try 'help'")),
    (Where.LOADER, re.compile(r"can't find command|is not recognized as")),
    (Where.PROGRAM, re.compile(r"\b(?:unknown|invalid|illegal|syntax|unrecognized|not found|no such|bad command)\b", re.I)),
    (Where.PROGRAM, re.compile(r"(?m)^\s*(?:->|\.{3}) ?$")),  # it waits for the rest
)
_CONTINUED = re.compile(r"^(?:\w*quote)?> $|^\((?:reverse-)?i-search\)")


def _no_beacon(_: bytes) -> bool:
    return False


class Recogniser:
    """Feed it what comes, do what `step` says. Times are of any one monotonic clock, in seconds."""

    def __init__(
        self, now: float, *, boot_wait: float = 120.0, beacon: Callable[[bytes], bool] = _no_beacon
    ) -> None:
        """`boot_wait`: how long a boot may take. `beacon`: whether bytes hold a frame of the agent's link."""
        self._start = self._last = self._steady = now
        self._next = now + LISTEN
        self._boot_ends = now + boot_wait
        self._beacon = beacon
        self._raw = b""
        self._asked_at: int | None = None
        self._plan = [ASK, _ASK_LF, ASK]
        self._may_rotate = True
        self._rotations = 0
        self._cancelled = False
        self._asked_dom0 = False
        self._tail, self._tail_at = "", now

    def feed(self, data: bytes, now: float) -> None:
        """Bytes that came."""
        if not data:
            return
        if now - self._last > _TICK_PAUSE:
            self._steady = now
        self._last = now
        self._raw += data
        surplus = len(self._raw) - BUFFER
        if surplus > 0:
            self._raw = self._raw[surplus:]
            self._asked_at = None if self._asked_at is None else max(0, self._asked_at - surplus)

    def step(self, now: float) -> Send | Wait | Sight:
        """What to do at this moment. A Sight is final."""
        if self._beacon(self._raw):
            return self._sight(Where.AGENT)
        shown = text.plain(self._raw)
        booting = self._boot(shown, now)
        return (
            self._screen(booting, now)
            or self._prompt(shown, booting, now)
            or self._xen(shown, now)
            or self._held(booting, now)
            or self._garbage(shown, now)
            or self._ask(shown, now)
        )

    def _boot(self, shown: str, now: float) -> Where | None:
        """U-Boot or a kernel at work, by the later of their traces."""
        uboot, kernel = _end(_UBOOT, shown), _end(_KERNEL, shown)
        if uboot > kernel or (_TICK.search(shown[-64:]) and kernel < 0):
            return Where.UBOOT
        quiet = now - self._last
        if (kernel >= 0 and quiet < KERNEL_QUIET) or (_end(_BUSY, shown[-2048:]) >= 0 and quiet < BUSY_QUIET):
            return Where.BOOTING
        return None

    def _screen(self, booting: Where | None, now: float) -> Sight | None:
        if booting or now < self._last + SETTLE:
            return None
        switches = _ALTERNATE.findall(self._raw)
        moves = len(_MOVE.findall(self._raw[-1024:]))
        if (switches and switches[-1] == b"h") or (moves >= 3 and not switches):
            return self._sight(Where.PROGRAM)
        return None

    def _prompt(self, shown: str, booting: Where | None, now: float) -> Send | Wait | Sight | None:
        last = text.own(shown).rsplit("\n", 1)[-1]
        if last != self._tail:  # its own quiet: log lines need not end for a prompt to be one
            self._tail, self._tail_at = last, self._last
        kind = prompt(last)
        if kind is None or (booting is Where.UBOOT and kind is not Where.UBOOT):
            return None  # U-Boot draws its downloads as ####
        if self._after_prompt_xen(shown):
            return None
        if now < self._tail_at + SETTLE:
            return Wait(self._tail_at + SETTLE)
        if _CONTINUED.search(last):
            if self._cancelled:
                return Wait(self._next) if now < self._next else self._sight(Where.PROGRAM)
            self._cancelled = True
            return self._send(_CANCEL, now)
        if kind is Where.SHELL and self._asked_at is None:
            return self._send(ASK, now)  # a prompt that was there before us may have half a line typed at it
        root = kind is Where.SHELL and (last.rstrip().endswith("#") or last.startswith("(initramfs)"))
        return self._sight(kind, root=root)

    def _after_prompt_xen(self, shown: str) -> bool:
        """Whether Xen has taken the input away after the prompt: then it is there, and deaf."""
        switch = _last(_XEN_INPUT, shown)
        return bool(switch and switch[1].lower() != "dom0" and not text.own(shown[switch.end() :]).strip("\n )'"))

    def _xen(self, shown: str, now: float) -> Send | Wait | Sight | None:
        switch = _last(_XEN_INPUT, shown)
        if switch is None or self._asked_dom0:
            return None
        if switch[1].lower() == "dom0":
            if self._rotations:
                self._asked_dom0 = True
                self._plan = [ASK]
                return self._send(ASK, now)
            return None
        if _end(_KERNEL, shown) > switch.end() or _end(_UBOOT, shown) > switch.end():
            return None
        if self._rotations >= 6:  # dom0, Xen and four guests at most have the line in turn
            return self._sight(Where.XEN)
        if now < self._next and self._rotations:
            return Wait(self._next)
        return self._rotate(switch[2] or "a", now)

    def _rotate(self, letter: str, now: float) -> Send:
        self._rotations += 1
        self._may_rotate = False
        return self._send(bytes([ord(letter.lower()) - ord("a") + 1]) * 3, now)

    def _held(self, booting: Where | None, now: float) -> Wait | Sight | None:
        if booting is None:
            return None
        return self._sight(booting) if now >= self._boot_ends else Wait(min(now + 0.5, self._boot_ends))

    def _garbage(self, shown: str, now: float) -> Send | Wait | Sight | None:
        """Noise, or another rate. Nothing is typed at it while it may be U-Boot's that counts at another rate."""
        found = before_noise(shown)
        if found and (found[0] is not Where.SHELL or self._asked_at is not None):
            return self._sight(found[0], root=shown[: found[1]].endswith("# "))
        if not text.noisy(self._raw[-256:].decode("utf-8", "replace")):
            return None
        if self._asked_at is not None and now < self._next:
            return Wait(self._next)
        steady = self._last - self._steady if now - self._last <= _TICK_PAUSE else 0.0
        if steady >= GARBLE_LISTEN and self._plan:
            return self._send(self._plan.pop(0), now)
        heard = now - self._start
        if self._asked_at is not None or heard >= (GARBLE_LISTEN if steady <= _TICK_PAUSE else 3 * GARBLE_LISTEN):
            return self._sight(Where.WRONG_BAUD)
        return Wait(now + 0.25)

    def _ask(self, shown: str, now: float) -> Send | Wait | Sight:
        if now < self._next:
            return Wait(self._next)
        mute = self._asked_at is not None and not text.own(text.plain(self._raw[self._asked_at :]))
        if mute and self._may_rotate and len(self._plan) == 1:
            return self._rotate("a", now)
        if self._plan:
            return self._send(self._plan.pop(0), now)
        return self._sight(Where.PROGRAM if text.own(shown).strip() else Where.SILENCE)

    def _send(self, data: bytes, now: float) -> Send:
        if self._asked_at is None:
            self._asked_at = len(self._raw)
        self._next = now + ANSWER
        return Send(data)

    def _sight(self, where: Where, *, root: bool = False) -> Sight:
        shown = text.plain(self._raw)
        lines = tuple(line.strip() for line in shown[-2000:].split("\n") if line.strip())
        return Sight(where, root, bool(_ALIVE.search(shown) or "\n" in shown), lines[-4:])


def prompt(last: str) -> Where | None:
    """What kind of prompt a last line (`text.own`) is, None for none."""
    return next((where for where, form in _LAST_LINES if len(last) <= 300 and form.search(last)), None)


def before_noise(shown: str) -> tuple[Where, int] | None:
    """The last prompt in `text.plain` that nothing but noise follows, and where it ends; None where there is none."""
    found = [(match.end(), where) for where, form in _BEFORE_NOISE if (match := _last(form, shown))]
    end, where = max(found, key=lambda one: one[0], default=(0, Where.SILENCE))
    return (where, end) if end and text.noisy(shown[end:]) else None


def nearly(last: tuple[str, ...]) -> bool:
    """Whether a line came again for each Enter, and ends as a prompt does but for the space: no shell's, some boot loaders'."""
    return len(last) > 1 and last[-1] == last[-2] and bool(_NEARLY.search(last[-1]))


def refused(said: str) -> Where | None:
    """What answered QUESTION so, where it was no shell, whatever its prompt looks like; None for a shell."""
    return next((where for where, form in _REFUSALS if form.search(said)), None)


def restarted(shown: str) -> bool:
    """Whether `text.plain` has traces of a board that starts anew."""
    return _end(_UBOOT, shown) >= 0 or _end(_KERNEL, shown) >= 0


def _last(form: re.Pattern[str], shown: str) -> re.Match[str] | None:
    found = None
    for found in form.finditer(shown):  # noqa: B007 - the last of them
        pass
    return found


def _end(form: re.Pattern[str], shown: str) -> int:
    match = _last(form, shown)
    return match.end() if match else -1
