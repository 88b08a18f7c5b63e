"""What two streams with time stamps tell about delay and drift, whatever their rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pytest_villas.measure.waveforms.delay import Delay, estimate_delays
from pytest_villas.measure.waveforms.drift import Drift, fit_drift
from pytest_villas.measure.waveforms.resample import TimeBase, on_grid
from pytest_villas.measure.waveforms.shift import Floats, unit_rows

_SHARE: Final = 8  # default search: an eighth of the record to either side, and at most ...
_FARTHEST: Final = 1.0  # ... a second
_SAME_RATE: Final = 1e-3  # samples that two grids may part over the record and still be one


@dataclass(frozen=True, slots=True)
class Timing:
    """Delay and drift of one channel, or of all channels together.

    Attributes:
        delay: in seconds; its u and its status.
        ppm: drift: microseconds of delay gained per second; NaN where it is not known.
        ppm_u: its standard uncertainty.
        why_no_drift: why it is not known.
        line: `(seconds since the base, delay there in seconds, slope)` where the drift matters, else None.
    """

    delay: Delay
    ppm: float = math.nan
    ppm_u: float = math.inf
    why_no_drift: str = ""
    line: tuple[float, float, float] | None = None

    def at(self, t: Floats) -> Floats:
        """Return the delay in seconds at times of the response, in seconds since the base."""
        if self.line is None:
            return np.full(t.shape, self.delay.seconds)
        centre, delay, slope = self.line
        return delay + slope * (t - centre)


@dataclass(frozen=True, slots=True)
class _Grid:
    x: Floats
    y: Floats
    period: float
    first: float  # time of y[0], in seconds since the base
    ahead: float  # how much later than x[0] that is


def timings(
    sent: TimeBase, x: Floats, received: TimeBase, y: Floats, search: tuple[float, float] | None, groups: Sequence[slice]
) -> tuple[Timing, tuple[Timing, ...]]:
    """Estimate delay and drift of all channels together, and of each group of rows.

    Args:
        sent: when the n samples of the reference were.
        x: reference, shape (rows, n).
        received: when the m samples of the response were, since the same base.
        y: response, shape (rows, m). Rows with a value that is not finite have nothing to say.
        search: least and greatest delay in seconds; by default an eighth of the record either way, at most a second.
        groups: the rows of each channel.
    """
    if not groups:
        nothing = Timing(Delay("no_information", reason="there is no float or complex channel"))
        return nothing, ()
    if min(sent.t.size, received.t.size) < 2:
        short = Timing(Delay("insufficient_record", reason="fewer than two samples"), why_no_drift="fewer than two samples")
        return short, tuple(short for _ in groups)
    if search is None:
        reach = min(_FARTHEST, float(sent.t[-1] - sent.t[0]) / _SHARE)
        search = (-reach, reach)
    usable = np.asarray(np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1))[:, None]
    x, y = unit_rows(np.where(usable, x, 0.0)), unit_rows(np.where(usable, y, 0.0))
    grid = _common_grid(sent, x, received, y, search)
    if grid is None:
        apart = Timing(Delay("insufficient_record", reason="the two records do not overlap within the search range"))
        return apart, tuple(apart for _ in groups)
    within = (search[0] - grid.ahead, search[1] - grid.ahead)
    joint, each = estimate_delays(grid.x, grid.y, 1 / grid.period, within, groups)
    return _timing(grid, joint, slice(None)), tuple(_timing(grid, own, rows) for own, rows in zip(each, groups, strict=True))


def _timing(grid: _Grid, delay: Delay, rows: slice) -> Timing:
    absolute = replace(delay, seconds=delay.seconds + grid.ahead, rivals=tuple(r + grid.ahead for r in delay.rivals))
    if delay.status != "ok":
        return Timing(absolute, why_no_drift=delay.reason)
    moves = np.asarray(np.minimum(np.ptp(grid.x[rows], axis=1), np.ptp(grid.y[rows], axis=1))) > 0
    drift: Drift = fit_drift(grid.x[rows][moves], grid.y[rows][moves], delay.seconds / grid.period)
    if drift.reason:
        return Timing(absolute, why_no_drift=drift.reason)
    line = None
    if drift.matters(grid.x.shape[1]):
        line = (grid.first + drift.centre * grid.period, drift.delay * grid.period + grid.ahead, drift.slope)
    return Timing(absolute, drift.slope * 1e6, drift.u * 1e6, "", line)


def _common_grid(sent: TimeBase, x: Floats, received: TimeBase, y: Floats, search: tuple[float, float]) -> _Grid | None:
    """Bring both on one uniform grid, the response moved back by the middle of the search range."""
    middle = (search[0] + search[1]) / 2
    if _one_grid(sent, received):
        period = sent.period
        apart = round(float(received.t[0] - middle - sent.t[0]) / period)
        i, j = max(apart, 0), max(-apart, 0)
        count = min(x.shape[1] - i, y.shape[1] - j)
        if count < 2:
            return None
        first = float(received.t[j])
        return _Grid(x[:, i : i + count], y[:, j : j + count], period, first, first - float(sent.t[i]))
    period = max(sent.period, received.period)  # the coarser one: nothing is made up between its samples
    start = max(float(sent.t[0]), float(received.t[0]) - middle)
    count = int((min(float(sent.t[-1]), float(received.t[-1]) - middle) - start) / period + 1e-6) + 1
    if count < 2:
        return None
    return _Grid(
        on_grid(sent, x, start, period, count),
        on_grid(received, y, start + middle, period, count),
        period,
        start + middle,
        middle,
    )


def _one_grid(sent: TimeBase, received: TimeBase) -> bool:
    if not (sent.uniform and received.uniform):
        return False
    longest = max(sent.t.size, received.t.size)
    return abs(sent.period - received.period) * longest <= _SAME_RATE * sent.period
