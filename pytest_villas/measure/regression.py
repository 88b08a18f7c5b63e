"""Did it get slower? Figures of runs against those of other runs, as the factor between them with exact bounds.

The run is the unit: samples within a run are no evidence about the next run, and tests on pooled samples call identical code
different most of the time. Figures are compared on a logarithmic scale, without any assumption on their distribution.

- Two groups of runs, one stored and one new: the shift of Hodges and Lehmann, whose bounds follow from inverting the exact
  test of Mann and Whitney [Hollander, Wolfe, Chicken: Nonparametric Statistical Methods, 4.3].
- Pairs of runs that were made next to each other: the median of the Walsh averages, with the bounds of the exact signed-rank
  test of Wilcoxon [the same, 3.3]. What both runs of a pair share cancels, such as the mood of the machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.measure.verdict import Outcome, Verdict

CONFIDENCE: Final = 0.99
"""Of each of the two bounds: as many runs of an unchanged rig as that are not called slower at all, let alone by the margin."""
MARGIN: Final = 0.1
FEWEST: Final = 3
"""Runs a side below which nothing is said."""
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Factor:
    """How the new figure relates to the old one.

    Attributes:
        estimate: new / old.
        lower, upper: bounds, each at `confidence`; 0 and inf where there are too few runs for any.
        old, new: how many runs; both the number of pairs for pairs.
        paired: whether runs come in pairs.
    """

    estimate: float
    lower: float
    upper: float
    old: int
    new: int
    paired: bool
    confidence: float

    def outcome(self, margin: float) -> Outcome:
        """PASS where it is at most 1 + margin slower, FAIL where it is more, INCONCLUSIVE where these runs cannot tell."""
        if math.isnan(self.estimate) or min(self.old, self.new) < FEWEST:
            return Outcome.INCONCLUSIVE
        limit = 1 + margin
        return Outcome.PASS if self.upper <= limit else Outcome.FAIL if self.lower > limit else Outcome.INCONCLUSIVE

    def missing(self, margin: float) -> str:
        """Say how many runs would decide if they scatter as these do; empty where the outcome is known."""
        if self.outcome(margin) is not Outcome.INCONCLUSIVE:
            return ""
        made = f"{self.new} pairs" if self.paired else f"{self.old} old and {self.new} new runs"
        if self.paired:
            more = next((n for n in range(self.new + 1, _MOST) if self._would_decide(n, n, margin)), None)
            return f"{made}: about {more - self.new} more pairs would decide" if more else f"{made}: they scatter too much"
        more = next((n for n in range(self.new + 1, _MOST) if self._would_decide(self.old, n, margin)), None)
        if more is not None:
            return f"{made}: about {more - self.new} more runs would decide"
        more = next((n for n in range(FEWEST, _MOST) if self._would_decide(n, n, margin)), None)
        scatter = f"they scatter too much to decide about {100 * margin:.3g} %"
        return f"{made}: about {more} runs before and {more} now would decide" if more else f"{made}: {scatter}"

    def _would_decide(self, old: int, new: int, margin: float) -> bool:
        orders = 2**old if self.paired else math.comb(old + new, new)
        if min(old, new) < FEWEST or orders * (1 - self.confidence) < 1:
            return False  # no bound is that sure with so few
        if not 0 < self.lower <= self.upper < math.inf or not 0 < self.estimate < math.inf:
            return True  # nothing is known of how they scatter
        shrink = math.sqrt((1 / old + 1 / new) / (1 / self.old + 1 / self.new))
        apart = math.log1p(margin) - math.log(self.estimate)
        spread = math.log(self.upper / self.estimate) if apart > 0 else math.log(self.estimate / self.lower)
        return spread * shrink < abs(apart)


def unpaired(old: Sequence[float], new: Sequence[float], confidence: float = CONFIDENCE) -> Factor:
    """Compare the figures of old runs with those of new ones, all above 0; a new one may be infinite.

    Raises ValueError for an old figure that is not finite and above 0, and for a new one that is not above 0.
    """
    _check(old, new)
    shifts = np.sort(np.subtract.outer(np.log(np.asarray(new, np.float64)), np.log(np.asarray(old, np.float64))).ravel())
    return _factor(shifts, len(old), len(new), paired=False, confidence=confidence)


def paired(old: Sequence[float], new: Sequence[float], confidence: float = CONFIDENCE) -> Factor:
    """Compare runs that were made in pairs. Raises ValueError as `unpaired`, and for unequal numbers."""
    _check(old, new)
    if len(old) != len(new):
        raise ValueError(f"{len(old)} and {len(new)} runs are no pairs")
    ratio = np.log(np.asarray(new, np.float64)) - np.log(np.asarray(old, np.float64))
    first, second = np.triu_indices(ratio.size)
    walsh = np.sort((ratio[first] + ratio[second]) / 2)
    return _factor(walsh, len(old), len(new), paired=True, confidence=confidence)


def judge(factor: Factor, what: str, *, margin: float = MARGIN, why: str = "") -> Verdict:
    """Turn a factor into a verdict: `what` relative to before is at most 1 + margin."""
    outcome = factor.outcome(margin)
    reasons = [factor.missing(margin), why]
    return Verdict(
        outcome, f"{what} relative to before", 1 + margin, "<=", factor.estimate, factor.lower, factor.upper, factor.new,
        factor.confidence, "1", "; ".join(filter(None, reasons)),
    )  # fmt: skip


def _check(old: Sequence[float], new: Sequence[float]) -> None:
    if not all(0 < value < math.inf for value in old):
        raise ValueError("an old figure is not finite and above 0: nothing can be relative to it")
    if not all(value > 0 for value in new):
        raise ValueError("a new figure is not above 0")


def _factor(
    shifts: np.ndarray[tuple[int], np.dtype[np.float64]], old: int, new: int, *, paired: bool, confidence: float
) -> Factor:
    if not shifts.size:
        return Factor(math.nan, 0.0, math.inf, old, new, paired, confidence)
    place = _place(old, new, paired, confidence)
    lower, upper = (float(shifts[place - 1]), float(shifts[-place])) if place else (-math.inf, math.inf)
    middle = shifts[(shifts.size - 1) // 2], shifts[shifts.size // 2]
    estimate = float(middle[0]) if middle[0] == middle[1] else float(sum(middle)) / 2
    return Factor(
        float(np.exp(estimate)), float(np.exp(lower)), float(np.exp(upper)), old, new, paired=paired, confidence=confidence
    )


def _place(old: int, new: int, paired: bool, confidence: float) -> int:
    """Return which of the sorted shifts (from 1) is the lower bound; 0 where none is low enough."""
    weights = _signed_ranks(old) if paired else _mann_whitney(old, new)
    total = sum(weights)
    allowed, below, place = (1 - confidence) * (1 + 1e-12) * total, 0, 0
    for weight in weights:
        below += weight
        if below > allowed:
            break
        place += 1
    return place


def _mann_whitney(old: int, new: int) -> list[int]:
    """Return in how many orders of the runs the statistic is 0, 1, ...: a Gaussian binomial coefficient."""
    counts = [1] + [0] * (old * new)
    for i in range(1, new + 1):
        for u in range(old * new, old + i - 1, -1):
            counts[u] -= counts[u - old - i]
        for u in range(i, old * new + 1):
            counts[u] += counts[u - i]
    return counts


def _signed_ranks(pairs: int) -> list[int]:
    """Return for how many choices of signs the ranks of the positive ones add up to 0, 1, ..."""
    counts = [1] + [0] * (pairs * (pairs + 1) // 2)
    for rank in range(1, pairs + 1):
        for total in range(len(counts) - 1, rank - 1, -1):
            counts[total] += counts[total - rank]
    return counts
