"""The closed set of messages between laptop and agent. The version is in the stream's banner (core/frames.py).

Requests go up, one at a time; the agent answers each with any number of `Event`s and then one reply, or `Failed`.
Retired messages keep their name; a name is never used twice for different things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from edgedeploy.core import errors
from edgedeploy.core.frames import Frame
from edgedeploy.core.names import AppName, CommitId, ReleaseId, Sha256
from edgedeploy.core.release import SWAPS
from edgedeploy.core.strict import Reader


@dataclass(frozen=True, slots=True)
class Message:
    """Base of all messages; `kind` is the word on the wire."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Who are you? Answered by `Welcome`."""

    kind = "hello"


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """The board introduces itself: see `AgentClient.hello` for the keys of `facts` and `apps`."""

    kind = "welcome"
    board_id: str
    name: str
    profile: str
    agent: str
    facts: dict[str, Any]
    apps: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Put(Message):
    """A file of `size` bytes follows as `Chunk`s. Answered at once by `Have`, and after the last chunk by `Stored`."""

    kind = "put"
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Have(Message):
    """Bytes of the file that are already on the board from an earlier try: send from there.

    The frame's body is the SHA-256 (32 bytes) of those bytes: who has others sends `Afresh`. An agent that knows no
    `Afresh` sends an empty body.
    """

    kind = "have"
    offset: int


@dataclass(frozen=True, slots=True)
class Afresh(Message):
    """What the board has is not the file's beginning: it drops it, and `Chunk`s follow from the first byte. Not answered."""

    kind = "afresh"


@dataclass(frozen=True, slots=True)
class Chunk(Message):
    """Bytes in the frame's body: of the file, or of a guest's console in either direction. Not answered."""

    kind = "chunk"


@dataclass(frozen=True, slots=True)
class Stored(Message):
    """The file is whole on the board and its digest is right."""

    kind = "stored"


@dataclass(frozen=True, slots=True)
class Stage(Message):
    """Take the commits of a stored bundle in, and do everything that can fail before the guest is touched."""

    kind = "stage"
    app: str
    commit: str
    bundle: str
    """SHA-256 of the stored bundle; empty when the board has the commit already"""
    swap: str = ""
    """as in Activate"""
    over: str = ""
    """the commit in whose place the `activate` that follows may put this one, whatever its history, if it is checked out then"""


@dataclass(frozen=True, slots=True)
class Staged(Message):
    """The commit is on the board and its release is ready to be started. `live` when it already runs."""

    kind = "staged"
    release: str
    uuid: str
    live: bool


@dataclass(frozen=True, slots=True)
class Rehearse(Message):
    """How would this release take the place of what is on air? Nothing is touched. Answered by `Rehearsed`."""

    kind = "rehearse"
    manifest: dict[str, Any]
    swap: str
    """as in Activate"""


@dataclass(frozen=True, slots=True)
class Rehearsed(Message):
    """`swap` is blue-green, in-place, or "" where nothing of the app is on air; `why` is why it is in-place."""

    kind = "rehearsed"
    swap: str
    why: str


@dataclass(frozen=True, slots=True)
class Activate(Message):
    """Fast-forward to a staged commit (`git merge --ff-only`; see Stage.over), then deploy it. Answered by `Outcome`."""

    kind = "activate"
    app: str
    commit: str
    who: str
    retry: bool = False
    swap: str = ""
    """one of release.SWAPS, "" for what the manifest says"""


@dataclass(frozen=True, slots=True)
class Rollback(Message):
    """Go back to `release`, or to the previous one when empty. Answered by `Outcome`."""

    kind = "rollback"
    app: str
    release: str
    who: str


@dataclass(frozen=True, slots=True)
class Remove(Message):
    """Take an app off the board, with everything that is there of it. Answered by `Removed`."""

    kind = "remove"
    app: str
    who: str


@dataclass(frozen=True, slots=True)
class Removed(Message):
    """What was done, in words for a person."""

    kind = "removed"
    changes: list[Any]


@dataclass(frozen=True, slots=True)
class Fetch(Message):
    """What of an app's checked-out history does not lead to the commits `have`? Answered by `Bundle`."""

    kind = "fetch"
    app: str
    have: list[Any]


@dataclass(frozen=True, slots=True)
class Bundle(Message):
    """The checked-out commit. A git bundle of `size` bytes, whose HEAD it is, follows as `Chunk`s; 0: nothing is new."""

    kind = "bundle"
    commit: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Outcome(Message):
    """What became of a deployment. `verdict` is one of VERDICTS; `running` is the release on air by its domain's UUID."""

    kind = "outcome"
    verdict: str
    release: str
    """the release that was tried"""
    running: str
    uuid: str
    reason: str
    outage_ms: int
    """from the old guest's end to the new one's first right answer"""
    was_on_air: bool
    """whether anything of this app ran before; when not, `outage_ms` is how long the first start took"""
    served: dict[str, Any]
    """URL path -> SHA-256 of what the guest served when it was probed from dom0"""
    console: list[str]
    """last console lines of a guest that failed"""
    swap: str = ""
    """how the release that is on air came there: "blue-green", "in-place", "" where nothing was swapped"""
    why_in_place: str = ""
    """why it was not started beside what was on air, where that was tried; "" else"""
    kept: str = ""
    """the release that waits, paused, for a way back without a boot; "" where there is none"""


VERDICTS = (
    "live",
    "already-live",
    "rolled-back",
    "rollback-failed",
    "failed-nothing-to-go-back-to",
    "quarantined",
    "idle",
)


@dataclass(frozen=True, slots=True)
class Status(Message):
    """Answered by `BoardStatus`."""

    kind = "status"


@dataclass(frozen=True, slots=True)
class BoardStatus(Message):
    """What runs and what is known; see `edgedeploy.agent.status` for the keys."""

    kind = "board-status"
    board: dict[str, Any]
    apps: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log(Message):
    """The last deployments of an app. Answered by `LogLines`."""

    kind = "log"
    app: str
    count: int


@dataclass(frozen=True, slots=True)
class LogLines(Message):
    """Newest last; each is one deployment's record."""

    kind = "log-lines"
    records: list[Any]


@dataclass(frozen=True, slots=True)
class Attach(Message):
    """Be at the console of an app's guest. Answered by `Attached`; then `Chunk`s and `Seen`s go both ways, `Event`s
    come down, until the laptop says `Detach` or the board `Detached`.

    A laptop says something at least every few seconds (an empty Chunk will do): see edgedeploy.agent.attach.
    """

    kind = "attach"
    app: str
    who: str


@dataclass(frozen=True, slots=True)
class Attached(Message):
    """The console is open. `dead`: the guest has crashed or shut down, and is only preserved."""

    kind = "attached"
    domain: str
    release: str
    dead: bool


@dataclass(frozen=True, slots=True)
class Seen(Message):
    """So many bytes of the other side's Chunks have been taken since `Attached`. CONSOLE_WINDOW more may be sent."""

    kind = "seen"
    count: int


@dataclass(frozen=True, slots=True)
class Detach(Message):
    """The person leaves. Answered by `Detached`."""

    kind = "detach"


@dataclass(frozen=True, slots=True)
class Detached(Message):
    """The console is closed; `reason` is empty when the person left."""

    kind = "detached"
    reason: str


CONSOLE_WINDOW = 8192
"""bytes of a console that may be on their way in one direction: 0.8 s of a line of 115200 baud, so that Ctrl-C is soon seen to work"""


@dataclass(frozen=True, slots=True)
class Event(Message):
    """Progress, in words for a person. `step` names the stage: receive, check, unpack, swap, probe, return, rollback, console;
    `repair` is what had to be put right, and stays on the screen."""

    kind = "event"
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """The request failed; the guest was not touched unless an Outcome said so. `code` is the exit code of its class."""

    kind = "failed"
    code: int
    message: str
    hint: str
    details: list[str]

    def to_error(self) -> errors.EdgeError:
        """The error this was on the board, with its class found again by exit code."""
        cls = errors.by_exit_code(self.code)
        return cls(self.message, hint=self.hint, details=tuple(self.details))


KINDS: dict[str, type[Message]] = {cls.kind: cls for cls in Message.__subclasses__()}
_GATES: dict[str, Callable[[object], str]] = {"app": AppName.parse, "commit": CommitId.parse}
_MAYBE: dict[str, Callable[[object], str]] = {"bundle": Sha256.parse, "sha256": Sha256.parse, "over": CommitId.parse}


_LATER = frozenset(
    [
        ("stage", "swap"), ("stage", "over"), ("activate", "swap"),
        ("outcome", "swap"), ("outcome", "why_in_place"), ("outcome", "kept"),
    ]
)
"""fields that older versions neither send nor take: said only where they say something"""


def to_frame(message: Message, body: bytes = b"") -> Frame:
    """The frame of a message."""
    said = [f for f in fields(message) if (message.kind, f.name) not in _LATER or getattr(message, f.name) != f.default]
    return Frame({"kind": message.kind, **{f.name: getattr(message, f.name) for f in said}}, body)



def from_frame(frame: Frame) -> Message:
    """The message of a frame. Raises errors.ProtocolMismatch for anything outside the closed set."""
    reader = Reader(frame.head, "message", errors.ProtocolMismatch)
    kind = reader.text("kind", limit=40)
    cls = KINDS.get(kind)
    if cls is None:
        raise errors.ProtocolMismatch(
            f"unknown message {kind!r}", hint="install this version's agent: edgedeploy enrol HOST"
        )
    sent = [field for field in fields(cls) if (kind, field.name) not in _LATER or reader.has(field.name)]
    values = {field.name: _field(reader, kind, field.name, str(field.type)) for field in sent}
    reader.done()
    return cls(**values)


def _field(reader: Reader, kind: str, name: str, declared: str) -> Any:
    if declared == "int":
        return reader.whole(name, low=-1)
    if declared == "bool":
        return reader.flag(name)
    if declared.startswith("dict"):
        return dict(reader.items(name))
    if declared.startswith("list"):
        return reader.rows(name)
    if name in _GATES:
        return reader.name(name, _GATES[name])
    text = reader.text(name, limit=65536)
    if text and name in _MAYBE:
        return reader.name(name, _MAYBE[name])
    if text and (kind, name) == ("rollback", "release"):
        return reader.name(name, ReleaseId.parse)
    if text and name == "swap" and kind in ("stage", "activate", "rehearse"):
        return reader.choice(name, SWAPS)
    return text
