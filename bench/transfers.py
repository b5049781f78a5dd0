"""Many short transfers over lines with random faults, boards that reboot and cables that are out: no byte wrong or lost.

    python -m bench.transfers [--count 1000] [--seed 0]

In virtual time (bench/session.py), the same each time. What a reboot cuts off goes on with a new session from the last byte
that arrived, as a push does. Ends with 1 where a byte is wrong or lost, or a rule of the line was broken.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.line import Faults
from bench.session import Session

LIMIT = 120.0
"""seconds of virtual time that both directions of a transfer, or of its rest after a reboot, may take"""
_BANNER = b"\r\nU-Boot 2023.01 (Jan 01 2023)\r\nHit any key to stop autoboot:  2 "
_OTHER = 1 << 32  # added to a seed: for the session after a reboot


@dataclass(frozen=True)
class Transfer:
    """One transfer, both directions at once: what was sent and what came, `wrong`: rules that were broken."""

    seed: int
    up: Faults
    sent: tuple[bytes, bytes]
    got: tuple[bytes, bytes]
    wrong: tuple[str, ...] = ()
    rebooted: bool = False
    cut: bool = False
    """the cable was out before all had arrived"""

    @property
    def bad(self) -> int:
        """Bytes that came, and not as they were sent."""
        pairs = zip(self.sent, self.got, strict=True)
        return sum(
            sum(a != b for a, b in zip(sent, got, strict=False)) + max(0, len(got) - len(sent)) for sent, got in pairs
        )

    @property
    def lost(self) -> int:
        """Bytes that did not come."""
        return sum(max(0, len(sent) - len(got)) for sent, got in zip(self.sent, self.got, strict=True))

    @property
    def complaint(self) -> str:
        """What is wrong with it; "" where nothing is."""
        if not (self.bad or self.lost or self.wrong):
            return ""
        return f"seed {self.seed}: {self.bad} bytes wrong, {self.lost} lost; {'; '.join(self.wrong[:3]) or 'no rule broken'}"


def transfer(seed: int) -> Transfer:
    """Sizes, faults and reboot all come from `seed`."""
    rng = random.Random(seed)
    through_xen = rng.random() < 0.5
    up, down = faults(rng, "in" if through_xen else ""), faults(rng, "out" if through_xen else "")
    sent = (rng.randbytes(_size(rng)), rng.randbytes(_size(rng)))
    reboots = rng.random() < 0.3
    session = Session(up, down, seed)
    if not reboots:
        session.transfer(*sent, limit=LIMIT)
        cut = 0.0 < up.cable_out[0] < max(session.ended.values())
        return Transfer(seed, up, sent, _got(session), tuple(session.wrong), cut=cut)
    before = _until_reboot(session, sent, rng)
    after = Session(up, down, seed + _OTHER)
    after.transfer(sent[0][len(before[0]) :], sent[1][len(before[1]) :], limit=LIMIT)
    got = tuple(one + other for one, other in zip(before, _got(after), strict=True))
    return Transfer(seed, up, sent, (got[0], got[1]), (*session.wrong, *after.wrong), rebooted=before != sent)


def faults(rng: random.Random, xen: str) -> Faults:
    """Any mixture of what a line may have, from clean to all at once."""

    def some(*values: float) -> float:
        return rng.choice((0.0, 0.0, *values))

    out_at = rng.uniform(0.1, 1.5)
    return Faults(
        latency=some(0.005, 0.02, 0.1),
        errors=some(50_000, 10_000, 2_000),
        drops=some(50_000, 10_000, 3_000),
        ring=int(some(128, 128)) if xen != "out" else 0,
        read=rng.choice((0.005, 0.01, 0.02)),
        xen=xen,
        logs=some(2, 0.5) if xen != "in" else 0.0,
        burst=rng.choice((1, 4)),
        cable_out=rng.choice(((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (out_at, out_at + rng.uniform(0.5, 8)))),
    )


@dataclass
class Tally:
    """Of many transfers."""

    seen: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def add(self, one: Transfer) -> None:
        """Count it."""
        self.seen.update(
            {
                "transfers": 1,
                "bytes": sum(map(len, one.sent)),
                "wrong": one.bad,
                "lost": one.lost,
                "with a reboot in between": one.rebooted,
                "with the cable out in between": one.cut,
                "over Xen's console": bool(one.up.xen),
                "bit errors or dropped bytes": bool(one.up.errors or one.up.drops),
                "a ring of 128 bytes": bool(one.up.ring),
            }
        )
        if one.complaint:
            self.complaints.append(one.complaint)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.transfers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="transfers (default 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first one (default 0)")
    options = parser.parse_args(argv)
    tally = Tally()
    for seed in range(options.seed, options.seed + options.count):
        tally.add(transfer(seed))
        if sys.stderr.isatty():
            print(f"\r{seed - options.seed + 1} of {options.count}", end="\r", file=sys.stderr, flush=True)
    seen = tally.seen
    print(
        f"{seen['transfers']} transfers, both ways at once, seeds {options.seed} to {options.seed + options.count - 1}:"
    )
    print(f"{seen['bytes']} bytes sent, {seen['wrong']} came wrong, {seen['lost']} were lost")
    print("among them: " + ", ".join(f"{seen[what]} {what}" for what in list(seen)[4:]))
    print("\n".join(tally.complaints) or "no rule of the line was broken")
    return 1 if tally.complaints else 0


def _size(rng: random.Random) -> int:
    return rng.choice((0, 1, 300, rng.randrange(8000), rng.randrange(20_000)))


def _got(session: Session) -> tuple[bytes, bytes]:
    return bytes(session.board.got), bytes(session.laptop.got)


def _until_reboot(session: Session, sent: tuple[bytes, bytes], rng: random.Random) -> tuple[bytes, bytes]:
    """What had come when the board went down in the middle of it; it starts anew, and the laptop must let it."""
    session.laptop.to_send += sent[0]
    session.board.to_send += sent[1]
    session.run(rng.uniform(0.1, 1.0))
    got = _got(session)
    session.board.alive = False
    session.run(session.now + rng.uniform(0.05, 0.5))
    session.board.out.write(_BANNER, session.now)
    session.run(session.now + rng.uniform(1.0, 4.0))
    return got[0], bytes(session.laptop.got)


if __name__ == "__main__":
    sys.exit(main())
