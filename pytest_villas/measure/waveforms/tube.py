"""A tolerance tube around a reference: how far a response may be off in value while it is off a little in time.

A sample (t, y) passes if the reference, drawn with straight lines between its samples, comes within `tolerance` of y
somewhere in `t - dt .. t + dt`. As that reference is continuous this is ``min(x) - tolerance <= y <= max(x) +
tolerance`` over the interval, and the extremes of straight lines are at samples or at the ends of the interval. So the
verdict is exact: no curve is built, nothing is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pytest_villas.measure.verdict import Verdict
from pytest_villas.measure.waveforms.exact import check_tolerances, none_of
from pytest_villas.measure.waveforms.place import ANYWHERE, Bools, Places
from pytest_villas.measure.waveforms.shift import Floats
from pytest_villas.samples import Int64s
from pytest_villas.units import format_duration, s, seconds

_EVEN: Final = 1e-7  # of a step: grids as even as this are uniform


def tube_bounds(reference_t: Floats, reference: Floats, t: Floats, dt: float) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of the reference within `dt` of each time.

    Args:
        reference_t: shape (n,), seconds, strictly increasing, relative to a common base.
        reference: shape (n,). A NaN in it makes the bounds NaN where it is in reach.
        t: shape (m,), seconds since the same base.
        dt: seconds.

    O((n + m) log w) for w reference samples within dt; O(n) where t is the reference's own uniform grid.
    """
    if _same_grid(reference_t, t):
        return _grid_bounds(reference, dt / (float(reference_t[-1] - reference_t[0]) / (t.size - 1)))
    early, late = t - dt, t + dt
    left = np.searchsorted(reference_t, early, "left")
    right = np.searchsorted(reference_t, late, "right")
    ends = np.interp(early, reference_t, reference), np.interp(late, reference_t, reference)
    least, most = _range_extremes(reference, left, right)
    return np.minimum(np.minimum(*ends), least), np.maximum(np.maximum(*ends), most)


def tube(
    reference_t: npt.ArrayLike,
    reference: npt.ArrayLike,
    t: npt.ArrayLike,
    response: npt.ArrayLike,
    *,
    atol: float = 0.0,
    rtol: float = 0.0,
    dt: float | str = 0.0,
    places: Places = ANYWHERE,
    what: str = "samples",
) -> Verdict:
    """Judge whether every sample of a response lies in the tube around a reference.

    Args:
        reference_t: shape (n,); int64 ns since the epoch, or seconds. Strictly increasing.
        reference: shape (n,), float64.
        t: shape (m,), in the unit and type of `reference_t`.
        response: shape (m,), float64.
        atol: tolerance, in units of the signal.
        rtol: tolerance, relative to the range (greatest minus least value) of the reference.
        dt: seconds, or text with a unit. Beware: it hides errors of dt times the slope.
        places: what to call the samples in the message.
        what: what is judged.

    NaN on either side fails, and so does a sample more than dt before or after the reference. Nothing to compare is
    INCONCLUSIVE. Raises ValueError for shapes that do not fit, times that do not increase, tolerances below 0, and a dt in
    which all of the reference has its place: that would let everything in its range pass.
    """
    dt = seconds(dt)
    check_tolerances(atol=atol, rtol=rtol, dt=dt)
    knots, at = _seconds(np.asarray(reference_t), np.asarray(t))
    x, y = np.asarray(reference, np.float64), np.asarray(response, np.float64)
    if knots.shape != x.shape or at.shape != y.shape or x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"times and values come in pairs: reference {knots.shape}, {x.shape}; response {at.shape}, {y.shape}")
    if not (knots[1:] > knots[:-1]).all():
        raise ValueError("the times of the reference have to increase")
    if knots.size > 2 and dt >= knots[-1] - knots[0]:
        lasts = format_duration(float(knots[-1] - knots[0]) * s)
        raise ValueError(f"dt is {dt:g} s, and the whole reference lasts {lasts}: dt counts seconds, or is text such as '1 ms'")
    what = f"{what} out of the tube atol {atol:g}, rtol {rtol:g}, dt {dt:g} s"
    if not x.size:
        return none_of(np.zeros(0, np.bool_), x, x, places, what)
    finite = np.isfinite(x)
    if not finite.all():
        x = np.where(finite, x, np.nan)  # next to an infinite reference everything would pass
    tolerance = atol
    if rtol:
        some = x[finite]
        low, high = (float(some.min()), float(some.max())) if some.size else (math.nan, math.nan)
        tolerance += rtol * high - rtol * low  # a range may be more than a double holds, and a share of it not
    with np.errstate(invalid="ignore", over="ignore"):
        least, most = tube_bounds(knots, x, at, dt)
        least -= tolerance
        most += tolerance
        right: Bools = (y >= least) & (y <= most)
        right &= np.isfinite(y)
        if at is not knots:
            right &= (at >= knots[0] - dt) & (at <= knots[-1] + dt)
        nearest = y if right.all() else np.clip(y, least, most)
    return none_of(~right, nearest, y, places, what)


def _seconds(knots: npt.NDArray[Any], at: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    first = next((int(t[0]) for t in (knots, at) if t.size and t.dtype.kind == "i"), 0)

    def relative(t: npt.NDArray[Any]) -> Floats:
        # the difference of two stamps is exact in int64, and small enough for a float64
        return (t - np.int64(first)) / 1e9 if t.dtype.kind == "i" else t.astype(np.float64)

    since = relative(knots)
    return since, since if at is knots else relative(at)


def _same_grid(knots: Floats, t: Floats) -> bool:
    if knots.size != t.size or t.size < 3 or not (knots is t or np.array_equal(knots, t)):
        return False
    steps = np.diff(t)
    step = float(t[-1] - t[0]) / steps.size
    return bool(max(steps.max() - step, step - steps.min()) <= _EVEN * step)


def _grid_bounds(values: Floats, reach: float) -> tuple[Floats, Floats]:
    """Return the extremes within `reach` steps of each value, and of the interpolated ends. A NaN is in what it can reach."""
    whole = min(int(reach + 1e-9), values.size)
    fraction = max(reach - whole, 0.0) if whole < values.size else 0.0
    padded = np.pad(values, whole + 1, mode="edge")
    least, most = (_running(padded[1:-1], 2 * whole + 1, pick) for pick in (np.minimum, np.maximum))
    if fraction > 1e-9:
        size = values.size
        for inner, outer in ((1, 0), (2 * whole + 1, 2 * whole + 2)):
            end = (1 - fraction) * padded[inner : inner + size] + fraction * padded[outer : outer + size]
            least, most = np.minimum(least, end), np.maximum(most, end)
    return least, most


def _running(values: Floats, width: int, pick: Callable[[Floats, Floats], Floats]) -> Floats:
    """Return ``pick`` over every `width` values that follow each other, from windows that double until two cover it."""
    span, level = 1, values
    while 2 * span <= width:
        level = pick(level[:-span], level[span:])
        span *= 2
    size = values.size - width + 1
    return pick(level[:size], level[width - span : width - span + size])


def _range_extremes(values: Floats, left: Int64s, right: Int64s) -> tuple[Floats, Floats]:
    """Return the extremes of ``values[left:right]`` for each pair: a sparse table, of which one level lives at a time."""
    least, most = np.full(left.shape, np.inf), np.full(left.shape, -np.inf)
    width = right - left
    level = np.frexp(width.astype(np.float64))[1] - 1  # the largest power of two that fits; -1 for an empty range
    low = high = values
    span = 1
    for k in range(int(level.max(initial=-1)) + 1):
        here = np.flatnonzero(level == k)
        first, second = left[here], right[here] - span
        least[here] = np.minimum(low[first], low[second])
        most[here] = np.maximum(high[first], high[second])
        if 2 * span <= values.size:
            low, high = np.minimum(low[:-span], low[span:]), np.maximum(high[:-span], high[span:])
        span *= 2
    return least, most
