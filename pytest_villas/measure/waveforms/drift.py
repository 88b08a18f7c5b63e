"""Drift: a delay that grows or shrinks along the record, as two clocks make it that do not run alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_villas.measure.waveforms.shift import HALF, Floats, fit_shift

_WINDOWS: Final = 9
_LONGEST: Final = 1 << 14
_SHORTEST: Final = 128
_FINEST: Final = 2e-5  # samples; as for the delay


@dataclass(frozen=True, slots=True)
class Drift:
    """A straight line through the delays of windows of the record.

    Attributes:
        slope: samples of delay a sample; NaN where it could not be measured. Times 1e6: ppm.
        u: its standard uncertainty.
        centre: index of the sample at which the delay is `delay`.
        delay: in samples.
        reason: why there is none, for people.
    """

    slope: float = math.nan
    u: float = math.inf
    centre: float = 0.0
    delay: float = math.nan
    reason: str = ""

    def matters(self, count: int) -> bool:
        """Say whether it is beyond doubt, and moves a record of `count` samples by more than a hundredth of a sample."""
        return abs(self.slope) > 4 * self.u and abs(self.slope) * count > 0.01


def fit_drift(x: Floats, y: Floats, delay: float) -> Drift:
    """Follow the delay through windows of the record, from the middle outwards, and fit a line.

    Args:
        x: reference, shape (c, n), on a uniform grid.
        y: response, the same shape.
        delay: the delay of the record, in samples: where to start from.
    """
    spare = HALF + 8
    first, last = max(0, math.ceil(delay)) + spare, x.shape[1] + min(0, math.floor(delay)) - spare
    size = min((last - first) // 3, max(_SHORTEST, min(_LONGEST, (last - first) // _WINDOWS)))
    if size < _SHORTEST:
        need = 3 * _SHORTEST + 2 * spare
        return Drift(reason=f"{x.shape[1]} samples: at least {need} beside the delay are needed to see a drift")
    starts = np.unique(np.linspace(first, last - size, _WINDOWS).astype(np.int64))
    middle = starts.size // 2
    found: list[tuple[float, float, float]] = []
    for direction in (starts[middle:], starts[:middle][::-1]):
        near = delay
        for start in direction.tolist():
            fit = fit_shift(x, y, start, start + size, near)
            if fit is None or not fit.converged or abs(fit.delay - near) > spare:
                continue
            near = fit.delay
            found.append((start + (size - 1) / 2, fit.delay, math.hypot(fit.sd, _FINEST)))
    if len(found) < 3:
        return Drift(reason="fewer than three parts of the record tell their delay")
    at, delays, sd = np.array(found).T
    weight = sd**-2
    centre = float((weight * at).sum() / weight.sum())
    mean = float((weight * delays).sum() / weight.sum())
    lever = float((weight * (at - centre) ** 2).sum())
    slope = float((weight * (at - centre) * delays).sum() / lever)
    misfit = float((weight * (delays - mean - slope * (at - centre)) ** 2).sum()) / (len(found) - 2)
    return Drift(slope, math.sqrt(max(misfit, 1.0) / lever), centre, mean)
