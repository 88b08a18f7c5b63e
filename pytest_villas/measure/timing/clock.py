"""Clocks: how two of them are related, how far one runs away from the other, and how far they can be apart."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pytest_villas.errors import ConfigError, SignalError, nearest
from pytest_villas.measure.estimate import Estimate
from pytest_villas.samples import NO_TIME, Int64s
from pytest_villas.units import format_duration

RELATIONS: Final = ("same", "ptp", "ntp", "unknown")

_BUCKETS: Final = 2048
_FEWEST: Final = 100  # stamps from which a skew can be told from noise
_FOLDS: Final = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clock:
    """How the clock that made a stamp is related to ours.

    Attributes:
        relation: ``"same"`` clock, synchronised by ``"ptp"`` or ``"ntp"``, or ``"unknown"``.
        error: bound on the difference of the two clocks at any time, in ns; 0 for the same clock only.

    Raises ConfigError for another relation, for a negative error, and for a synchronised clock without an error bound.
    """

    relation: str = "same"
    error: int = 0

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise ConfigError(f"clock.relation is {self.relation!r}{nearest(self.relation, RELATIONS)}")
        if self.error < 0:
            raise ConfigError(f"clock.error is {format_duration(self.error)}: a bound is not below 0")
        if self.relation in {"ptp", "ntp"} and self.error == 0:
            raise ConfigError(f"clock.error is 0: a clock synchronised by {self.relation} is never exact, give its bound")

    @property
    def bound(self) -> int | None:
        """The error of a difference between a stamp of this clock and one of ours, in ns; None where nobody knows."""
        return None if self.relation == "unknown" else 0 if self.relation == "same" else self.error


def difference(later: Int64s, earlier: Int64s) -> Int64s:
    """Subtract stamps: ``later - earlier`` in ns; `NO_TIME` where one of them is absent or the result overflows."""
    result: Int64s = later - earlier
    absent = (later == NO_TIME) | (earlier == NO_TIME)
    overflow = ((later ^ earlier) & (later ^ result)) < 0
    result[absent | overflow] = NO_TIME
    return result


def stamps(values: npt.ArrayLike, name: str) -> Int64s:
    """Return time stamps as int64 ns; SignalError for anything that cannot hold nanoseconds exactly."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iM"):
        raise SignalError(f"{name} is {array.dtype} of shape {array.shape}: stamps are int64 nanoseconds of shape (n,)")
    if array.dtype.kind == "M":
        array = array.astype("datetime64[ns]").view(np.int64)
    return array.astype(np.int64, copy=False)


def skew(sent: Int64s, received: Int64s) -> Estimate:
    """Estimate how much faster the receiver's clock runs than the sender's, in ppm.

    The slope of the lower convex hull of one-way delay over sending time, at its middle [Zhang, Liu and Xia, INFOCOM
    2002]: queues only ever add to a delay, so the least ones show the clocks. Its uncertainty is a jackknife over
    eighths of the record.

    Args:
        sent: stamps of the sender's clock, int64 ns, shape (n,); `NO_TIME` where absent.
        received: stamps of the receiver's clock, likewise.

    Returns:
        The skew; with status ``"insufficient_record"`` for fewer than 100 stamps or without any time between them.
    """
    delay = difference(received, sent)
    known = delay != NO_TIME
    times, delays = sent[known], delay[known]
    if times.size < _FEWEST or np.ptp(times) == 0:
        why = f"{times.size} stamps: at least {_FEWEST}, and time between them, show a skew"
        return Estimate("clock skew", math.nan, "ppm", n=int(times.size), status="insufficient_record", why=why)
    t, d = _least(times, delays)
    middle = float((times - times.min()).mean())
    slope = _slope(t, d, middle)
    folds = np.arange(t.size) * _FOLDS // t.size
    parts = np.array([_slope(t[folds != fold], d[folds != fold], middle) for fold in range(_FOLDS)])
    u = math.sqrt((_FOLDS - 1) / _FOLDS * float(np.square(parts - parts.mean()).sum()))
    resolution = 1.0 / float(t[-1])  # stamps are whole nanoseconds
    return Estimate("clock skew", slope * 1e6, "ppm", u=math.hypot(u, resolution) * 1e6, n=int(times.size))


def remove_skew(delay: Int64s, sent: Int64s, ppm: float) -> Int64s:
    """Return one-way delays as they would be with a skew of 0, unchanged at the first stamp; int64 ns."""
    if delay.size == 0:
        return delay
    start = sent[0]
    drift: Int64s = np.rint((sent - start) * (ppm * 1e-6)).astype(np.int64)
    return delay - drift


def offset(forward: Int64s, backward: Int64s) -> Estimate:
    """Bound how far the other clock is ahead of ours, from the quickest round trip [Cristian].

    Args:
        forward: its receive stamp minus our send stamp, int64 ns, shape (n,); `NO_TIME` where absent.
        backward: our receive stamp minus its send stamp, of the same exchange.

    Returns:
        The offset in ns; its interval is certain: half of the quickest round trip to either side, however asymmetric
        the two ways are. INVALID where a round trip is below 0: a clock was stepped in between.
    """
    known = (forward != NO_TIME) & (backward != NO_TIME)
    there, back = forward[known], backward[known]
    if there.size == 0:
        return Estimate("clock offset", math.nan, "ns", status="no_information", why="no round trip was completed")
    trips = there + back
    best = int(np.argmin(trips))
    trip = int(trips[best])
    value = (int(there[best]) - int(back[best])) / 2
    invalid = f"a round trip took {format_duration(trip)}: a clock was stepped" if trip < 0 else ""
    bounds = (value - abs(trip) / 2, value + abs(trip) / 2)
    return Estimate("clock offset", value, "ns", n=int(there.size), interval=bounds, confidence=1.0, invalid=invalid)


def _least(times: Int64s, delays: Int64s) -> tuple[Floats, Floats]:
    """Return the least delay of each of at most 8192 stretches of time, from 0 on, each time once."""
    if np.any(np.diff(times) <= 0):
        order = np.lexsort((delays, times))
        times, delays = times[order], delays[order]
    if times.size > 4 * _BUCKETS:
        edges = np.linspace(0, times.size, _BUCKETS + 1).astype(np.int64)
        picks = np.array([start + np.argmin(delays[start:stop]) for start, stop in itertools.pairwise(edges)])
        times, delays = times[picks], delays[picks]
    once = np.append(True, np.diff(times) > 0)
    return (times - times[0])[once].astype(np.float64), (delays - delays.min())[once].astype(np.float64)


def _slope(times: Floats, delays: Floats, middle: float) -> float:
    """Return the slope of the lower convex hull's edge above `middle`: that which lies closest below all points."""
    hull: list[tuple[float, float]] = []
    for t, d in zip(times.tolist(), delays.tolist(), strict=True):
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], (t, d)):
            hull.pop()
        hull.append((t, d))
    if len(hull) < 2:
        return math.nan
    right = next((i for i in range(1, len(hull)) if hull[i][0] >= middle), len(hull) - 1)
    (t0, d0), (t1, d1) = hull[right - 1], hull[right]
    return (d1 - d0) / (t1 - t0)


def _turns_down(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> bool:
    return (second[1] - first[1]) * (third[0] - first[0]) >= (third[1] - first[1]) * (second[0] - first[0])
