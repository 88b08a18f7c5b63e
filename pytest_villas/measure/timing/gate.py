"""The quantile gate: is a quantile below a limit, above it, or can these samples not tell?

k of n samples exceed the limit. Both are divided by tau, the autocorrelation time of the exceedances, and the
Clopper-Pearson bounds on the probability of exceeding are held against 1 - q. With the limit exactly at the true
quantile about one record in a hundred passes, and up to one in twenty where a record is worth some ten independent samples; the
point estimate passes every other one.

Nobody can infer bursts that are longer than the record: a verdict speaks for the runs that were made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.special import betaincinv

from pytest_villas.measure.verdict import Outcome
from pytest_villas.samples import Int64s

CONFIDENCE: Final = 0.99
"""Of each of the two bounds."""
LOST: Final = int(np.iinfo(np.int64).max)
"""The latency of what never arrived: above every limit, infinite included."""

_LEVELS: Final = (0.5, 0.9, 0.99)
_NEAR: Final = 0.1
_ENOUGH: Final = 100
_FEWEST: Final = 20  # exceedances from which an autocorrelation can be read; at the limit itself two may be a burst
# the longest of the times that independent samples seem to have is below 1 + 10 / sqrt(n) nine times out of ten
_NOISE: Final = 10.0
_BINS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Exceedance:
    """How probable it is that a sample exceeds a limit.

    Attributes:
        k, n: how many exceeded it, of how many.
        tau: how many samples are worth one independent one, at least 1.
        lower, upper: Clopper-Pearson bounds, each at `CONFIDENCE`; 0 and 1 where there are no samples.
    """

    k: int
    n: int
    tau: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What the samples say about a quantile and a limit.

    Attributes:
        outcome: PASS, FAIL or INCONCLUSIVE.
        exceedance: of the limit itself.
        lower, upper: of the quantile, in ns: order statistics, so that (up to the clock's error) a limit passes from
            `upper` on and fails below `lower`; -inf and inf where no sample is far enough out.
        more: how many more samples would decide at the present rate of exceedance; None where the outcome is decided
            already, or where no number would do.
    """

    outcome: Outcome
    exceedance: Exceedance
    lower: float
    upper: float
    more: int | None


def gate(
    values: Int64s,
    limit: float,
    q: float,
    *,
    strict: bool = True,
    error: int = 0,
    unknown: int = 0,
    confidence: float = CONFIDENCE,
    runs: Sequence[int] = (),
) -> Gate:
    """Judge whether the q-quantile of `values` is below `limit`.

    Args:
        values: int64 ns in the order of sending, shape (n,); `LOST` for what never arrived.
        limit: ns, may be infinite: then only what was lost exceeds it.
        q: between 0 and 1.
        strict: the quantile has to be below the limit (``<``), not at it (``<=``).
        error: bound on the error of each value, in ns: passing takes limit - error, failing takes limit + error.
        unknown: samples whose value nobody knows: above the limit for passing, below it for failing.
        confidence: of each bound.
        runs: how many of the values each of several independent runs gave, in their order.
    """
    share = _share_above(q)
    ranked = np.sort(values)
    threshold = threshold_of(limit, strict=strict)
    near = dependence(values, threshold, ranked, levels=(*_LEVELS, q), runs=runs)
    few = _few(share, values.size)
    far = dependence(values, threshold, ranked, levels=(*(each for each in _LEVELS if each > q), q), runs=runs) if few else near
    tau = far if np.count_nonzero(values > _shifted(threshold, -error)) + unknown < few else near
    here = exceedance(values, threshold, tau=tau, confidence=confidence)
    low = high = here
    if error or unknown:
        low = exceedance(values, _shifted(threshold, error), tau=tau, below=unknown, confidence=confidence)
        high = exceedance(values, _shifted(threshold, -error), tau=tau, above=unknown, confidence=confidence)
    outcome = Outcome.PASS if high.upper <= share else Outcome.FAIL if low.lower > share else Outcome.INCONCLUSIVE
    lower, upper = _interval(ranked, share, near, far, unknown, confidence)
    # passing takes the upper count and failing the lower one; between the two no number of samples helps
    towards = high if high.k <= share * high.n else low if low.k > share * low.n else None
    more = more_samples(towards, share, confidence) if towards is not None and outcome is Outcome.INCONCLUSIVE else None
    return Gate(outcome, here, lower, upper, more)


def threshold_of(limit: float, *, strict: bool = True) -> int:
    """Return the integer t for which a value breaks the limit exactly if it is above t; `LOST` always breaks it."""
    if math.isinf(limit):
        return LOST - 1 if limit > 0 else -LOST
    return _shifted(math.ceil(limit) - 1 if strict else math.floor(limit), 0)


def exceedance(
    values: Int64s, threshold: int, *, tau: float, above: int = 0, below: int = 0, confidence: float = CONFIDENCE
) -> Exceedance:
    """Return the probability of a value above `threshold`, with bounds.

    `above` and `below` are samples that are not among `values` and are taken as above and as not above it.
    """
    n = values.size + above + below
    k = int(np.count_nonzero(values > threshold)) + above
    if n == 0:
        return Exceedance(0, 0, tau, 0.0, 1.0)
    lower, upper = _clopper_pearson(k / tau, n / tau, confidence)
    return Exceedance(k, n, tau, lower, upper)


def dependence(
    values: Int64s,
    threshold: int,
    ranked: Int64s | None = None,
    *,
    levels: tuple[float, ...] = _LEVELS,
    runs: Sequence[int] = (),
) -> float:
    """Return tau: the longest autocorrelation time of the series "exceeds", at the threshold and at some levels.

    Exceedances of a rarely broken limit are too few to show their dependence; that of lower levels stands in for it.
    A time that independent samples might seem to have as well is taken as 1.

    Of several runs each has its own, and their effective numbers of samples are summed. Runs of which some exceed the
    threshold much more often than others are worth less: the time of all of them, end to end, at the threshold shows it.
    """
    n = values.size
    if len(runs) > 1:
        parts = np.split(values, np.cumsum(runs)[:-1])
        worth = sum(part.size / dependence(part, threshold, levels=levels) for part in parts)
        return max(dependence(values, threshold, ranked, levels=()), n / worth if worth else 1.0)
    ranked = np.sort(values) if ranked is None else ranked
    thresholds = {threshold: 2}
    for level in levels:
        count = round(n * (1 - level))
        if _FEWEST <= count <= n - _FEWEST:
            thresholds.setdefault(int(ranked[n - count]) - 1, _FEWEST)
    taus = [1.0]
    for limit, fewest in thresholds.items():
        count = n - int(np.searchsorted(ranked, limit, side="right"))
        if fewest <= count <= n - fewest:
            taus.append(autocorrelation_time(values > limit))
    longest = max(taus)
    return longest if longest - 1 > _NOISE / math.sqrt(max(n, 1)) else 1.0


def _few(share: float, n: int) -> float:
    """Return below how many exceedances a limit is far from the quantile.

    A machine that is 10 us faster for a second depends on itself for a second there, and that says nothing of a limit of 20 ms. So
    the dependence at levels below q is left out where a limit is exceeded less than a tenth as often as it may be, and where
    level q alone has enough exceedances to show its own.
    """
    allowed = share * n
    return _NEAR * allowed if allowed >= _ENOUGH else 0.0


def autocorrelation_time(series: npt.NDArray[np.bool_]) -> float:
    """Return the integrated autocorrelation time of a 0/1 series, in samples, at least 1.

    The initial monotone sequence of Geyer; a long series is summed in bins first, whose variance holds what happens
    within a bin.
    """
    n = series.size
    width = max(1, n // _BINS)
    whole = n // width * width
    sums = np.add.reduceat(series, np.arange(0, whole, width), dtype=np.float64) if width > 1 else series.astype(np.float64)
    mean = float(series.mean())
    variance = mean * (1 - mean)
    if variance == 0:
        return 1.0
    centred = sums - sums.mean()
    size = fft.next_fast_len(2 * centred.size, real=True)
    spectrum = fft.rfft(centred, size)
    correlation = fft.irfft(spectrum * spectrum.conj(), size)[: centred.size]
    if correlation[0] <= 0:
        return 1.0
    spread = float(correlation[0]) / centred.size / (width * variance)
    pairs = (centred.size - 1) // 2
    sums_of_pairs = (correlation[0 : 2 * pairs : 2] + correlation[1 : 2 * pairs + 1 : 2]) / correlation[0]
    negative = np.flatnonzero(sums_of_pairs <= 0)
    first = int(negative[0]) if negative.size else pairs
    total = 2 * float(np.minimum.accumulate(sums_of_pairs[:first]).sum()) - 1 if first else 1.0
    return float(max(1.0, spread * max(1.0, total)))


def smallest_n(q: float, confidence: float = CONFIDENCE) -> int:
    """Return how many independent samples are needed to pass when none of them exceeds the limit.

    >>> [smallest_n(q) for q in (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)]
    [7, 44, 90, 459, 4603, 46050]
    """
    return math.ceil(math.log(1 - confidence) / math.log(q))


def rank(q: float, n: int) -> int:
    """Return which of n sorted values is the q-quantile, from 0: the smallest with at least a share q up to it."""
    return min(max(math.ceil(_exactly(q) * n) - 1, 0), n - 1)


def _exactly(q: float) -> Fraction:
    # 0.07 * 100 is 7.000000000000001, and its ceiling would be one rank too high
    return Fraction(repr(float(q)))


def _share_above(q: float) -> float:
    if not 0 < q < 1:
        raise ValueError(f"the quantile {q!r} cannot be judged: it has to be between 0 and 1")
    return float(1 - _exactly(q))


def _shifted(threshold: int, by: int) -> int:
    return max(-LOST, min(LOST - 1, threshold + by))


def _clopper_pearson(k: float, n: float, confidence: float) -> tuple[float, float]:
    lower = float(betaincinv(k, n - k + 1, 1 - confidence)) if k > 0 else 0.0
    upper = float(betaincinv(k + 1, n - k, confidence)) if n > k else 1.0
    return lower, upper


def _interval(ranked: Int64s, share: float, tau: float, far: float, unknown: int, confidence: float) -> tuple[float, float]:
    """Invert the gate: the limits that it would pass and fail, as order statistics; `far` is tau for limits that are far away."""
    n = ranked.size + unknown
    few = min(math.ceil(_few(share, ranked.size)), n)
    passing, failing = max(_passing(n, share, tau, n, confidence), _passing(n, share, far, few, confidence)), n + 1
    low, high = 0, n + 1  # the first k that fails lies in here
    while low < high:
        k = (low + high) // 2
        if k > 0 and _clopper_pearson(k / tau, n / tau, confidence)[0] > share:
            high = failing = k
        else:
            low = k + 1
    top = passing - unknown
    upper = float(ranked[ranked.size - 1 - top]) if 0 <= top < ranked.size else math.inf
    lower = float(ranked[ranked.size - failing]) if failing <= ranked.size else -math.inf
    return math.inf if lower >= LOST else lower, math.inf if upper >= LOST else upper


def _passing(n: int, share: float, tau: float, below: int, confidence: float) -> int:
    """Return the greatest k below `below` that passes; -1 where none does."""
    low, high = 0, below  # the first k that does not pass lies in here
    while low < high:
        k = (low + high) // 2
        if _clopper_pearson(k / tau, n / tau, confidence)[1] <= share:
            low = k + 1
        else:
            high = k
    return low - 1


def more_samples(here: Exceedance, share: float, confidence: float = CONFIDENCE) -> int | None:
    """Return how many more samples would decide, were k to grow in proportion to n; None where no number would."""
    rate, tau = here.k / max(here.n, 1), here.tau

    def decided(n: int) -> bool:
        lower, upper = _clopper_pearson(rate * n / tau, n / tau, confidence)
        return upper <= share or lower > share

    low = high = max(here.n, 1)
    while not decided(high):
        low, high = high, 2 * high
        if high > 1 << 40:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return max(1, high - here.n)
