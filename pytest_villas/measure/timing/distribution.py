"""`Distribution`: times of many samples, whose quantiles are held against limits by the gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from pytest_villas.measure.estimate import OPERATORS, Limit, Measure, read_limit
from pytest_villas.measure.timing.gate import CONFIDENCE, LOST, Gate, dependence, gate, rank, threshold_of
from pytest_villas.measure.verdict import Outcome, Verdict
from pytest_villas.samples import Int64s
from pytest_villas.units import format_duration, s

ENOUGH_TIME = 10 * s
"""How long runs have to be together for their p99, lest it speaks for one mood of the machine."""
ENOUGH_RUNS = 3
"""How many there should be of them."""

_FEWEST_FOR_MEAN = 30

MIRROR = {
    Outcome.PASS: Outcome.FAIL,
    Outcome.FAIL: Outcome.PASS,
    Outcome.INCONCLUSIVE: Outcome.INCONCLUSIVE,
    Outcome.INVALID: Outcome.INVALID,
}
"""What a verdict on "below or at" says about "above"."""


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Distribution:
    """Times of n samples, in ns, and what has to be known before one of them is held against a limit.

    Attributes:
        what: name, such as ``"latency"``.
        values: int64 ns in the order of sending, shape (n,); `LOST` for what never arrived: above every limit.
        unknown: how many more samples there were whose time nobody knows: above the limit for passing, below for failing.
        dropped: how many of those our own queues dropped: what they leave open is INVALID.
        error: bound on the error of each value, in ns, that the clocks bring.
        invalid: what makes every comparison INVALID, if anything.
        inconclusive: what makes every comparison INCONCLUSIVE, if anything.
        floor: what the harness alone takes, measured without a rig, or one figure in ns: a limit below is INVALID.
        own: the same of the harness alone, where that may lie to either side: a limit that one of them breaks is never FAIL.
        meant: the same as it was meant to be: a limit that this breaks already is FAIL all the same.
        lag: how late the stimulus was sent: where it eats more than half of a limit, the comparison is INVALID.
        span: for how long samples were sent, in ns.
        parts: the independent runs of which this is made, if there are several: see `joined`.
        confidence: of each bound of a verdict on it.
    """

    what: str
    values: Int64s
    unknown: int = 0
    dropped: int = 0
    error: int = 0
    invalid: str = ""
    inconclusive: str = ""
    floor: Distribution | int | None = None
    own: tuple[Distribution, ...] = ()
    meant: Distribution | None = None
    lag: Distribution | None = None
    span: int = 0
    parts: tuple[Distribution, ...] = ()
    confidence: float = CONFIDENCE

    @property
    def runs(self) -> tuple[int, ...]:
        """How many of the values each of several runs gave; empty for one run."""
        return tuple(part.values.size for part in self.parts)

    def __len__(self) -> int:
        """Return n, lost and unknown samples included."""
        return int(self.values.size) + self.unknown

    def __repr__(self) -> str:
        """Say what it is, and how many of how much."""
        if len(self) == 0:
            return f"<{self.what}: no samples>"
        lost = int(np.count_nonzero(self.values == LOST))
        return f"<{self.what}: median {self.p50}, p99 {self.p99}, max {self.max}, n = {len(self)}, {lost} lost>"

    def quantile(self, q: float) -> Quantile:
        """Return the q-quantile, q from 0 (the least value) to 1 (the greatest); ValueError outside."""
        return Quantile(self, q)

    @property
    def p50(self) -> Quantile:
        """The median."""
        return Quantile(self, 0.5)

    @property
    def p90(self) -> Quantile:
        """What 90 % of the samples do not exceed."""
        return Quantile(self, 0.9)

    @property
    def p95(self) -> Quantile:
        """What 95 % of the samples do not exceed."""
        return Quantile(self, 0.95)

    @property
    def p99(self) -> Quantile:
        """What 99 % of the samples do not exceed."""
        return Quantile(self, 0.99)

    @property
    def p999(self) -> Quantile:
        """What 99.9 % of the samples do not exceed."""
        return Quantile(self, 0.999)

    @property
    def p9999(self) -> Quantile:
        """What 99.99 % of the samples do not exceed."""
        return Quantile(self, 0.9999)

    @property
    def max(self) -> Quantile:
        """The greatest value of the run: exact, and no claim about the next run."""
        return Quantile(self, 1.0)

    @property
    def min(self) -> Quantile:
        """The least value of the run: exact, and no claim about the next run."""
        return Quantile(self, 0.0)

    @property
    def mean(self) -> Mean:
        """The mean, infinite where a sample was lost."""
        return Mean(self)

    def figure(self, q: float) -> float:
        """Return the q-quantile as an exact order statistic in ns: inf where that sample was lost, NaN without samples."""
        if self.values.size == 0:
            return math.nan
        place = rank(q, self.values.size)
        value = int(np.partition(self.values, place)[place])
        return math.inf if value == LOST else float(value)

    def objection(self, limit: float, q: float | None) -> tuple[Outcome, str] | None:
        """Say why nothing can be said about the q-quantile (None: the mean) and this limit (ns), or None where something can."""
        for number, part in enumerate(self.parts, 1):
            if (objection := part.objection(limit, q)) is not None:
                return objection[0], f"run {number} of {len(self.parts)}: {objection[1]}"
        if self.invalid:
            return Outcome.INVALID, self.invalid
        if self.inconclusive:
            return Outcome.INCONCLUSIVE, self.inconclusive
        if self.values.size == 0:
            return Outcome.INCONCLUSIVE, "there are no samples"
        if self.floor is not None:
            floor = float(self.floor) if isinstance(self.floor, int) else _statistic(self.floor, q)
            if math.isnan(floor):
                return Outcome.INCONCLUSIVE, "the floor of the harness was given without any samples"
            if limit < floor:
                takes = "loses samples" if math.isinf(floor) else f"takes {format_duration(floor)}"
                return Outcome.INVALID, f"the harness itself {takes}: a limit below its floor cannot be judged"
        if self.lag is not None:
            far = max(q or 0.0, 0.99)
            late = self.lag.figure(far)
            if not late <= limit / 2:
                which = _name(far)
                return Outcome.INVALID, f"the stimulus was not sent on time: {which} of the send lag is {format_duration(late)}"
        return None

    def excused(self, verdict: Verdict, q: float | None = None) -> Verdict:
        """Return a verdict about the q-quantile (None: the mean) that blames no rig for what the harness did."""
        if verdict.outcome is Outcome.FAIL:
            for part in self.parts or (self,):
                if (broken := _explanation(part, q, verdict)) is not None:
                    value = format_duration(_statistic(broken, q))
                    why = f"the harness itself, without a rig, breaks this limit: {broken.what} {value}"
                    return replace(verdict, outcome=Outcome.INVALID, why=why)
        return self.undropped(verdict)

    def undropped(self, verdict: Verdict) -> Verdict:
        """Return a verdict that is INVALID where only what our own queues dropped keeps it from being one."""
        if verdict.outcome is Outcome.INCONCLUSIVE and self.dropped:
            why = f"{self.dropped} samples were dropped by our own queues, or never sent: {verdict.why}"
            return replace(verdict, outcome=Outcome.INVALID, why=why)
        return verdict


def joined(parts: Sequence[Distribution], confidence: float = CONFIDENCE) -> Distribution:
    """Lay independent runs end to end. What forbids a verdict on one of them forbids one on all."""
    values = np.concatenate([part.values for part in parts])
    return Distribution(
        what=parts[0].what,
        values=values,
        unknown=sum(part.unknown for part in parts),
        dropped=sum(part.dropped for part in parts),
        error=max(part.error for part in parts),
        span=sum(part.span for part in parts),
        parts=tuple(parts),
        confidence=confidence,
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quantile(Measure):
    """One quantile of a distribution, in ns. Limits go through the gate; those of min and max are compared exactly."""

    of: Distribution
    q: float

    def __post_init__(self) -> None:
        if not 0 <= self.q <= 1:
            raise ValueError(f"{self.q!r} is no quantile: it has to be from 0 to 1, as in 0.99 for p99")

    @property
    def what(self) -> str:  # type: ignore[override]  # it follows from the distribution
        """Such as ``"latency p99"``."""
        return f"{self.of.what} {_name(self.q)}"

    @property
    def unit(self) -> str:  # type: ignore[override]  # it is the same for all
        """Nanoseconds."""
        return "ns"

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a limit in ns or text: PASS, FAIL, INCONCLUSIVE or INVALID."""
        if comparison in {"==", "!="}:
            raise TypeError(f"{self.what} is never exactly a number: compare it with <, <=, > or >=")
        number = read_limit(limit, "ns")
        objection = self.of.objection(number, self.q)
        n = len(self.of)
        if objection is not None:
            return Verdict(objection[0], self.what, number, comparison, float(self), n=n, unit="ns", why=objection[1])
        # above is not (below or at): the same question with the answers exchanged
        mirrored, strict = comparison in {">", ">="}, comparison in {"<", ">="}
        if self.q in {0.0, 1.0}:
            return self.of.excused(self._exact(comparison, number, mirrored=mirrored, strict=strict), self.q)
        found = gate(
            self.of.values,
            number,
            self.q,
            strict=strict,
            error=self.of.error,
            unknown=self.of.unknown,
            confidence=self.of.confidence,
            runs=self.of.runs,
        )
        outcome = MIRROR[found.outcome] if mirrored else found.outcome
        lower, upper = found.lower - self.of.error, found.upper + self.of.error
        why = self._missing(found) if outcome is Outcome.INCONCLUSIVE else self._caveat()
        worth, sure, value = n / found.exceedance.tau, self.of.confidence, float(self)
        return self.of.excused(
            Verdict(outcome, self.what, number, comparison, value, lower, upper, n, sure, "ns", why, worth, found.more), self.q
        )

    def _exact(self, comparison: str, limit: float, *, mirrored: bool, strict: bool) -> Verdict:
        value, threshold = float(self), threshold_of(limit, strict=strict)
        lower, upper = value - self.of.error, value + self.of.error
        if self.of.unknown:
            lower, upper = (lower, math.inf) if self.q else (-math.inf, upper)
        outcome = Outcome.PASS if upper <= threshold else Outcome.FAIL if lower > threshold else Outcome.INCONCLUSIVE
        missing = (
            f"{self.of.unknown} samples have no time stamp" if self.of.unknown else "the limit lies within the clock's error"
        )
        why = missing if outcome is Outcome.INCONCLUSIVE else ""
        return Verdict(
            MIRROR[outcome] if mirrored else outcome,
            self.what,
            limit,
            comparison,
            value,
            lower,
            upper,
            len(self.of),
            None,
            "ns",
            why,
        )

    def _missing(self, found: Gate) -> str:
        seen = f"{found.exceedance.k} of {found.exceedance.n} samples exceed the limit"
        if found.more is not None:
            such = math.ceil(found.more * max(len(self.of.parts), 1) / len(self.of))
            return f"{seen}, about {found.more} more ({such} such run{'s' if such > 1 else ''}) would decide at this rate"
        if self.of.error or self.of.unknown:
            stamps = f" and {self.of.unknown} samples without a time stamp" if self.of.unknown else ""
            return f"{seen}, the limit lies within the clock's error of {format_duration(self.of.error)}{stamps}"
        return f"{seen}, no number of samples will decide at this rate"

    def _caveat(self) -> str:
        runs = max(len(self.of.parts), 1)
        if self.q < 0.99 or (self.of.span >= ENOUGH_TIME and runs >= ENOUGH_RUNS):
            return ""
        made = (
            f"{runs} runs of {format_duration(self.of.span)} together"
            if runs > 1
            else f"one run of {format_duration(self.of.span)}"
        )
        return f"speaks for {made}, {_name(self.q)} wants 10 s and 3 runs"

    def __float__(self) -> float:
        return self.of.figure(self.q)

    def __repr__(self) -> str:
        """Say name and value."""
        return f"<{self.what}: {self}, n = {len(self.of)}>"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mean(Measure):
    """The mean of a distribution, in ns, with its standard error for dependent samples.

    It speaks for what was seen: no number of samples proves that there is no rare and long tail beyond them.
    """

    of: Distribution

    @property
    def what(self) -> str:  # type: ignore[override]  # it follows from the distribution
        """Such as ``"latency mean"``."""
        return f"{self.of.what} mean"

    @property
    def unit(self) -> str:  # type: ignore[override]  # it is the same for all
        """Nanoseconds."""
        return "ns"

    def judge(self, comparison: str, limit: Limit) -> Verdict:
        """Compare with a limit in ns or text; the interval is 2.33 standard errors to either side for 99 % each."""
        if comparison in {"==", "!="}:
            raise TypeError(f"{self.what} is never exactly a number: compare it with <, <=, > or >=")
        number, value, n = read_limit(limit, "ns"), float(self), len(self.of)
        objection = self.of.objection(number, None)
        if objection is None and self.of.unknown:
            objection = Outcome.INCONCLUSIVE, f"{self.of.unknown} samples have no time stamp"
        if objection is None and n < _FEWEST_FOR_MEAN:
            objection = Outcome.INCONCLUSIVE, f"the uncertainty of a mean wants {_FEWEST_FOR_MEAN} samples"
        if objection is not None:
            return self.of.excused(Verdict(objection[0], self.what, number, comparison, value, n=n, unit="ns", why=objection[1]))
        tau = dependence(self.of.values, int(np.median(self.of.values)), runs=self.of.runs)
        sure = self.of.confidence
        half = 0.0 if math.isinf(value) else float(ndtri(sure) * self.of.values.std(ddof=1)) * math.sqrt(tau / n)
        lower, upper = value - half - self.of.error, value + half + self.of.error
        strict, mirrored = comparison in {"<", ">="}, comparison in {">", ">="}
        below = upper < number or (not strict and upper == number)
        above = lower > number or (strict and lower == number)
        outcome = Outcome.PASS if below else Outcome.FAIL if above else Outcome.INCONCLUSIVE
        why = "the limit lies within the uncertainty" if outcome is Outcome.INCONCLUSIVE else ""
        apart = abs(value - number) - self.of.error
        more = math.ceil(n * ((half / apart) ** 2 - 1)) if outcome is Outcome.INCONCLUSIVE and apart > 0 else None
        outcome = MIRROR[outcome] if mirrored else outcome
        return self.of.excused(
            Verdict(outcome, self.what, number, comparison, value, lower, upper, n, sure, "ns", why, n / tau, more)
        )

    def __float__(self) -> float:
        if self.of.values.size == 0:
            return math.nan
        return math.inf if self.of.values.max() == LOST else float(self.of.values.mean())

    def __repr__(self) -> str:
        """Say name and value."""
        return f"<{self.what}: {self}, n = {len(self.of)}>"


def _statistic(of: Distribution, q: float | None) -> float:
    return float(of.mean) if q is None else of.figure(q)


def _explanation(of: Distribution, q: float | None, verdict: Verdict) -> Distribution | None:
    """Return what of the harness alone breaks the limit, and by so much that without that the limit would be kept."""
    planned = 0.0 if of.meant is None else _statistic(of.meant, q)
    if of.meant is not None and _breaks(planned, verdict):
        return None
    for own in of.own:
        value = _statistic(own, q)
        if _breaks(value, verdict) and not _breaks(verdict.estimate - (value - planned), verdict):
            return own
    return None


def _breaks(value: float, verdict: Verdict) -> bool:
    return not math.isnan(value) and not OPERATORS[verdict.comparison](value, verdict.limit)


def _name(q: float) -> str:
    if q in {0.0, 1.0}:
        return "max" if q else "min"
    return f"p{f'{100 * q:.10g}'.replace('.', '')}"
