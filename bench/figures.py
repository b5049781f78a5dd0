"""What one round gave, and what rounds amount to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.audience import Seen

NOISE = 1.5
"""how far apart rounds of the reference, which does the same each time, may lie: most to least"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one round."""

    live: float
    """from the start of the command to the first answer as it is to be in the end"""
    command: float
    """how long the command itself took"""
    steps: dict[str, float]
    """where `live` went"""
    seen: Seen

    @property
    def outage(self) -> float:
        """From the last answer with the old content to the first with the new; 0 where nobody went without."""
        return self.seen.outage

    def brief(self) -> str:
        """One line for the terminal."""
        return (
            f"live after {self.live:.1f} s, outage {self.outage:.1f} s, {self.seen.failed} of {self.seen.asked} requests failed "
            f"({self.seen.hung} hung, {self.seen.elsewhere} not at the change), "
            f"{self.seen.gap_at_change * 1000:.0f} ms without an answer at the change, "
            f"{self.seen.gap_elsewhere * 1000:.0f} ms elsewhere, command {self.command:.1f} s"
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(median(values), min(values), max(values))

    def count(self) -> str:
        """For a table of numbers: median, and the most."""
        return f"{self.middle:g} (at most {self.most:g})"

    def ms(self) -> str:
        """For a table of times."""
        return f"{self.middle * 1000:.0f} ({self.least * 1000:.0f} to {self.most * 1000:.0f})"


def spread(samples: Sequence[Sample], what: Callable[[Sample], float]) -> Spread:
    """Of one quantity over the rounds."""
    return Spread.of([what(sample) for sample in samples])


def ratio(over: Sequence[Sample], under: Sequence[Sample], what: Callable[[Sample], float]) -> str:
    """Ratio of the medians, and the least and most ratio of two neighbours in time."""
    pairs = [what(a) / what(b) for a, b in zip(over, under, strict=True)]
    middle = spread(over, what).middle / spread(under, what).middle
    return f"**{middle:.2f}** ({min(pairs):.2f} to {max(pairs):.2f})"


def steps(samples: Sequence[Sample]) -> dict[str, float]:
    """Median seconds of each step, in order; a step that some round had not counts as 0 there."""
    titles = list(dict.fromkeys(title for sample in samples for title in sample.steps))
    return {title: median(sample.steps.get(title, 0.0) for sample in samples) for title in titles}


def noise(samples: Sequence[Sample]) -> float:
    """Most to least of outage and push-to-live, whichever is worse."""
    spreads = [spread(samples, lambda sample: sample.outage), spread(samples, lambda sample: sample.live)]
    return max(one.most / max(one.least, 0.001) for one in spreads)
