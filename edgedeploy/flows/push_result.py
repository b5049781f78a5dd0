"""What became of a push: what the command line and --json tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """What became of it. `url` is where this laptop reaches the app; `confirmed` what it saw there itself."""

    app: str
    release: str
    board: str
    verdict: str
    uuid: str = ""
    url: str = ""
    outage_ms: int = 0
    was_on_air: bool = False
    """whether anything of this app ran before; when not, outage_ms is how long the first start took"""
    swap: str = ""
    """blue-green or in-place, "" where nothing was swapped"""
    why_in_place: str = ""
    """why it was not started beside what was on air, where that was not possible"""
    kept: str = ""
    """the release that waits on the board for a way back without a boot"""
    sent_bytes: int = 0
    served: dict[str, str] = field(default_factory=dict)
    """URL path -> SHA-256 of what `witness` got there"""
    contents_known: bool = True
    """whether it is known what those pages must hold: the original scripts' releases do not say"""
    witness: str = "board"
    """or laptop, where there was nothing to do"""
    unproven: str = ""
    """what a good end does not prove, in words"""
    confirmed: str = "unknown"
    """confirmed, contradicted or unknown: the laptop's own look at the URL"""
    runtime: str = "xen"
    """one of core.release.RUNTIMES: what runs it"""
    cable: str = ""
    """the serial port it went over, empty when it was the network"""
    plan: tuple[str, ...] = ()
    """with dry_run: what would happen"""
    left: tuple[str, ...] = ()
    """files that have changed and are not on the board"""
    why_left: str = ""
    """what brings them there"""
