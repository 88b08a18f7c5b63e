"""Streams with time stamps of their own: time bases, cubic interpolation, and how far that can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.measure.waveforms.place import Bools
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.samples import NO_TIME, Int64s

_LOST: Final = 1.5  # periods between two samples above which one is missing
_WAITED: Final = 1.1  # periods that a sample took at least ...
_CROWDED: Final = 0.1  # ... and within which others came behind it, if they came in one go
_UNIFORM: Final = 1e-4  # of a period: stamps this even need no resampling
_PROBE: Final = 1 << 14  # samples on which the interpolation error is measured


@dataclass(frozen=True, slots=True)
class TimeBase:
    """When the n samples of a stream were.

    Attributes:
        t: shape (n,), seconds since `base`, increasing. int64 nanoseconds since the epoch do not fit into a float64;
            the difference to a common base does.
        base: int64 ns since the epoch.
        period: seconds between samples, as far as they are regular.
        jitter: rms deviation in seconds from a regular grid, in which lost samples have their places.
        hole: seconds between two samples above which one is missing.
        uniform: whether the samples are on such a grid without holes.
        late: shape (n,), whether a sample was held up and came in one go with the next one, so that its time is not its own.
    """

    t: Floats
    base: int
    period: float
    jitter: float
    hole: float
    uniform: bool
    late: Bools

    def covers(self, t: Floats) -> Bools:
        """Say for each time whether it is inside of the stream and of no hole in it."""
        if self.t.size < 2:
            return np.zeros(t.shape, np.bool_)
        right = np.clip(np.searchsorted(self.t, t, "left"), 1, self.t.size - 1)
        width = self.t[right] - self.t[right - 1]
        slack = 1e-6 * self.period
        inside = (t >= self.t[0] - slack) & (t <= self.t[-1] + slack)
        near = np.minimum(np.abs(t - self.t[right]), np.abs(t - self.t[right - 1])) <= slack
        return np.asarray(inside & (near | (width <= self.hole)))


def time_base(stamps: Int64s, base: int) -> TimeBase:
    """Make a time base of increasing stamps in ns; the period is NaN where there are fewer than two."""
    t = (stamps - np.int64(base)) / 1e9
    if t.size < 2:
        return TimeBase(t, base, math.nan, 0.0, math.inf, uniform=False, late=np.zeros(t.size, np.bool_))
    steps = np.diff(t)
    mean = float(t[-1] - t[0]) / steps.size
    period = float(np.median(steps))
    if not 0.5 * mean < period < 2 * mean:
        period = mean  # bursts: the median is the time between two samples of one message
    # jitter makes steps long and short alike, a loss makes few of them very long: the median deviation tells the former
    hole = _LOST * period + 4 * 1.4826 * float(np.median(np.abs(steps - period)))
    behind = _came_behind(np.concatenate([[math.inf], steps]), period)
    places = np.where(steps > hole, np.maximum(np.rint(steps / period) - behind[1:], 1), 1.0)
    index = np.concatenate([[0.0], np.cumsum(places)])
    slope, first = np.polyfit(index, t, 1) if t.size > 2 else (mean, float(t[0]))
    off = t - first - index * slope
    even = index[-1] == steps.size and bool(np.abs(off).max() <= max(1.5e-9, _UNIFORM * period))
    jitter = float(np.sqrt(np.mean(off**2)))
    # of those that came in one go the last one is on time
    waited = np.flatnonzero(behind)
    edges = np.zeros(t.size, np.int64)
    edges[waited] += 1
    edges[waited + behind[waited]] -= 1
    late = np.cumsum(edges) > 0
    return TimeBase(t, base, mean if even else float(slope), jitter, hole, uniform=even, late=late)


def _came_behind(steps: Floats, period: float) -> Int64s:
    """Return how many samples came in one go behind each one.

    Args:
        steps: how long after the one before each sample came, shape (n,). What is dense after steps of a usual length is no crowd.
        period: the usual length.
    """
    behind = np.zeros(steps.size, np.int64)
    crowded = steps < _CROWDED * period
    if crowded.any():
        waited = np.flatnonzero(steps >= _WAITED * period)
        others = np.append(np.flatnonzero(~crowded), crowded.size)
        behind[waited] = others[np.searchsorted(others, waited, side="right")] - waited - 1
    return behind


def in_order(stamps: Int64s) -> tuple[Int64s, str]:
    """Return the indices that sort the stamps, and what makes them useless as a time axis (empty if nothing)."""
    absent = int(np.count_nonzero(stamps == NO_TIME))
    if absent:
        return np.arange(stamps.size), f"{absent} of {stamps.size} samples have no time stamp"
    order = np.argsort(stamps, kind="stable")
    ties = int(np.count_nonzero(np.diff(stamps[order]) == 0))
    if ties:
        return order, f"{ties} of {stamps.size} samples share their time stamp with another"
    return order, ""


def interpolate(base: TimeBase, values: Floats, t: Floats) -> Floats:
    """Read values, shape (n,), at other times (seconds since the same base) with a cubic spline.

    Inside of holes, around samples that were held up, and beyond the ends a straight line is drawn and the end values are
    held: a spline would swing.
    """
    on_time = ~base.late
    if np.count_nonzero(on_time) < 4:
        return np.asarray(np.interp(t, base.t, values))
    from scipy.interpolate import CubicSpline  # noqa: PLC0415 - half a second to import, and few runs need it

    scale = float(np.abs(values).max()) or 1.0  # third differences over steps of microseconds overflow otherwise
    smooth = scale * np.asarray(CubicSpline(base.t[on_time], values[on_time] / scale)(t), np.float64)
    rough = ~base.covers(t)
    if base.late.any():
        after = np.clip(np.searchsorted(base.t, t), 1, base.t.size - 1)
        rough |= base.late[after] | base.late[after - 1]
    if rough.any():
        smooth[rough] = np.interp(t[rough], base.t, values)
    return smooth


def on_grid(base: TimeBase, values: Floats, first: float, period: float, count: int) -> Floats:
    """Read channels, shape (c, n), at `count` times from `first` on (seconds since the same base): shape (c, count)."""
    t = first + period * np.arange(count, dtype=np.float64)
    return np.stack([interpolate(base, row, t) for row in values])


def interpolation_error(base: TimeBase, values: Floats) -> float:
    """Return the rms error of cubic interpolation between the samples, in units of the values.

    Every other sample is left out and predicted from the rest. The error at the full rate is smaller by the same
    factor as that error is smaller than the one with every fourth sample kept: 16 for smooth signals, 1 for noise.
    """
    t, values = base.t[~base.late], values[~base.late]
    count = min(t.size, _PROBE)
    if count < 32:
        return math.inf
    start = _busiest(values, count)
    t, v = t[start : start + count], values[start : start + count]
    half, quarter = _left_out(t, v, 2), _left_out(t, v, 4)
    factor = min(max(quarter / half, 1.0), 16.0) if half > 0 else 16.0
    return half / factor


def slope_of(base: TimeBase, values: Floats) -> float:
    """Return the rms slope, in units of the values a second: what a jitter of the stamps is worth."""
    t, values = base.t[~base.late], values[~base.late]
    if t.size < 2:
        return 0.0
    return float(np.sqrt(np.mean((np.diff(values) / np.diff(t)) ** 2)))


def _left_out(t: Floats, v: Floats, step: int) -> float:
    from scipy.interpolate import CubicSpline  # noqa: PLC0415 - half a second to import, and few runs need it

    middle = np.arange(step // 2, t.size - step, step)[2:-2]
    error = CubicSpline(t[::step], v[::step])(t[middle]) - v[middle]
    return float(np.sqrt(np.mean(error**2)))


def _busiest(values: Floats, count: int) -> int:
    if values.size <= count:
        return 0
    total = np.cumsum(np.concatenate([[0.0], np.diff(values) ** 2]))
    starts = np.arange(0, values.size - count + 1, max(1, count // 4))
    return int(starts[int(np.argmax(total[starts + count - 1] - total[starts]))])
