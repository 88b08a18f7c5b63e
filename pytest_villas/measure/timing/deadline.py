"""Deadlines: which share of samples missed one, how many did, and how many in a row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.estimate import Count, Limit, Measure, read_limit
from pytest_villas.measure.quantity import format_value
from pytest_villas.measure.timing.distribution import MIRROR, Distribution
from pytest_villas.measure.timing.gate import dependence, exceedance, more_samples, threshold_of
from pytest_villas.measure.verdict import Outcome, Verdict
from pytest_villas.samples import Int64s
from pytest_villas.units import duration, format_duration


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Share(Measure):
    """The share of samples above a deadline, lost ones included; its limits go through Clopper-Pearson bounds.

    A share that has to be 0 is never proven by any number of samples: ask for the count of misses instead.
    """

    of: Distribution
    deadline: float

    @property
    def what(self) -> str:  # type: ignore[override]  # it follows from the distribution
        """Such as ``"latency share above 2 ms"``."""
        return f"{self.of.what} share above {format_duration(self.deadline)}"

    @property
    def unit(self) -> str:  # type: ignore[override]  # it is the same for all
        """A ratio."""
        return "1"

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a ratio: a number or text (``"1 %"``)."""
        if comparison in {"==", "!="}:
            raise TypeError(f"{self.what} is an estimate: compare it with <, <=, > or >=, or its count with ==")
        number, n = read_limit(limit, "1"), len(self.of)
        objection = self.of.objection(self.deadline, min(max(1 - number, 0.0), 1.0))
        if objection is not None:
            return Verdict(objection[0], self.what, number, comparison, float(self), n=n, unit="1", why=objection[1])
        threshold, sure = threshold_of(self.deadline, strict=False), self.of.confidence
        tau = dependence(self.of.values, threshold, runs=self.of.runs)
        low = exceedance(self.of.values, threshold + self.of.error, tau=tau, below=self.of.unknown, confidence=sure)
        high = exceedance(self.of.values, threshold - self.of.error, tau=tau, above=self.of.unknown, confidence=sure)
        below = high.upper < number or (comparison in {"<=", ">"} and high.upper == number)
        above = low.lower > number or (comparison in {"<", ">="} and low.lower == number)
        outcome = Outcome.PASS if below else Outcome.FAIL if above else Outcome.INCONCLUSIVE
        why, more = "", None
        if outcome is Outcome.INCONCLUSIVE:
            why = "the limit lies within the uncertainty"
            # passing takes the upper count and failing the lower one; between the two no number of samples helps
            towards = high if high.k <= number * high.n else low if low.k > number * low.n else None
            more = more_samples(towards, number, sure) if towards is not None else None
        outcome = MIRROR[outcome] if comparison in {">", ">="} else outcome
        return self.of.undropped(
            Verdict(outcome, self.what, number, comparison, float(self), low.lower, high.upper, n, sure, "1", why, n / tau, more)
        )

    def __float__(self) -> float:
        if self.of.values.size == 0:
            return math.nan
        return float(np.count_nonzero(self.of.values > threshold_of(self.deadline, strict=False)) / self.of.values.size)

    def __repr__(self) -> str:
        """Say name and value."""
        return f"<{self.what}: {format_value(float(self), '1')}, n = {len(self.of)}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Misses(Count):
    """How many samples missed a deadline, or how many in a row; asked of a deadline that the harness itself keeps.

    That is a question about the quantile that at most so many samples exceed.
    """

    of: Distribution = field(kw_only=True)
    deadline: float = field(kw_only=True)

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """See `Count.judge`; INVALID where the deadline is below the floor, or the stimulus was sent too late for it."""
        verdict = Count.judge(self, comparison, limit)
        if self.n and not math.isnan(verdict.limit):
            objection = self.of.objection(self.deadline, min(max(1 - verdict.limit / self.n, 0.0), 1.0))
            if objection is not None:
                return replace(verdict, outcome=objection[0], why=objection[1])
        return self.of.undropped(verdict)


@dataclass(frozen=True, slots=True, eq=False)
class DeadlineMiss:
    """How often a deadline was missed: the share, how many, and how many in a row; what was lost missed it."""

    share: Share
    count: Count
    longest: Count


def deadline_miss(of: Distribution, deadline: str | float) -> DeadlineMiss:
    """Count the samples above a deadline (ns or text such as ``"2 ms"``), and the longest run of them.

    The counts are unknown, with the reason, where the times are: without samples or stamps, across clocks of unknown
    relation, or in an invalid measurement.
    """
    limit = duration(deadline)
    misses = of.values > threshold_of(limit, strict=False)
    why = of.invalid or of.inconclusive or ("there are no samples" if len(of) == 0 else "")
    near = int(np.count_nonzero((of.values > limit - of.error) & (of.values <= limit + of.error))) if of.error else 0
    if not why and (of.unknown or near):
        why = f"{of.unknown} samples have no time stamp, and {near} lie within the clock's error of the deadline"
    what = f"{of.what} above {format_duration(limit)}"
    count = None if why else int(np.count_nonzero(misses))
    longest = None if why else longest_run(misses)
    return DeadlineMiss(
        Share(of, limit),
        Misses(f"{what}: misses", count, why, len(of), of=of, deadline=limit),
        Misses(f"{what}: misses in a row", longest, why, len(of), of=of, deadline=limit),
    )


def runs(flags: npt.NDArray[np.bool_]) -> tuple[Int64s, Int64s]:
    """Return where each run of true flags starts, and how long it is: two int64 arrays of one shape."""
    padded = np.concatenate(([False], flags, [False]))
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[::2], edges[1::2] - edges[::2]


def longest_run(flags: npt.NDArray[np.bool_]) -> int:
    """Return the length of the longest run of true flags, 0 where there is none."""
    return int(runs(flags)[1].max(initial=0))
